// Through the versions of one document: what it was, what changed, who did it, and back.
import { ReactFlowProvider } from '@xyflow/react';

import { useAnnounce } from '../../parts/announce.jsx';
import { ErrorLine } from '../../parts/error_line.jsx';
import { Icon } from '../../parts/icon.jsx';
import { StepButtons } from '../project/step_buttons.jsx';
import { useStepsBack } from '../project/use_steps_back.js';
import { isEditable } from '../project/use_editor.js';
import { ChangeList } from './change_list.jsx';
import { Differences } from './differences.jsx';
import { OverlayCanvas } from './overlay_canvas.jsx';
import { RevertProblem } from './revert_problem.jsx';
import { Slider } from './slider.jsx';
import { useReverts } from './use_reverts.js';
import { BEFORE, NOW, useTravel } from './use_travel.js';

function Against({ against, set, isCurrent }) {
  return (
    <div className="segments" role="group" aria-label="Compare with">
      {[
        [BEFORE, 'vs. previous'],
        [NOW, 'vs. current'],
      ].map(([key, words]) => (
        <button key={key} type="button" className="segment" aria-pressed={against === key} disabled={key === NOW && isCurrent && against !== NOW} onClick={() => set(key)}>
          {words}
        </button>
      ))}
    </div>
  );
}

function titleOf({ against, at, isFirst, isCurrent }) {
  if (against === NOW) return isCurrent ? 'Current version' : `Version ${at} vs. current`;
  return isFirst ? 'Oldest version kept' : `Changes since version ${at - 1}`;
}

export function Travel({ versionId }) {
  const announce = useAnnounce();
  const travel = useTravel(versionId);
  const { blueprint, versions, said, current, oldest, at, isCurrent, drawing, against, setAgainst, go } = travel;
  const reverts = useReverts(travel);
  const back = useStepsBack(blueprint, announce);
  const canEdit = isEditable(blueprint.status);
  if (travel.error && !drawing) return <ErrorLine error={travel.error} what="The blueprint could not be loaded." />;
  if (!drawing) return <p className="waiting">Loading blueprint …</p>;
  return (
    <div className="travel" onKeyDown={back.onKeyDown}>
      <div className="travel-bar">
        <Slider {...{ oldest, current, at, versions, go }} />
        <p className="travel-said" role="status">
          {said.get(at) ?? (isCurrent ? 'Current version.' : `Version ${at}.`)}
        </p>
        <Against against={against} set={setAgainst} isCurrent={isCurrent} />
        <StepButtons back={back} document={blueprint.document} canEdit={canEdit} />
        <button type="button" className="button small" disabled={isCurrent || !canEdit || travel.isReading} onClick={reverts.bringBack}>
          <Icon name="history" />
          Restore version {at}
        </button>
      </div>
      {travel.error && <ErrorLine error={travel.error} />}
      {back.refused && <ErrorLine error={back.refused.error} what={`Could not ${back.refused.step}.`} dismiss={back.forget} />}
      {reverts.problem && <RevertProblem {...reverts} document={blueprint.document} />}
      <div className="travel-body">
        <div className="board" data-reading={travel.isReading || undefined}>
          <ReactFlowProvider>
            <OverlayCanvas drawing={drawing} versionId={versionId} version={at} isCurrent={isCurrent} versions={versions} />
          </ReactFlowProvider>
        </div>
        <div className="travel-side">
          <Differences drawing={drawing} title={titleOf(travel)} />
          <ChangeList {...{ versions, said, at, oldest, go }} takeBack={canEdit ? reverts.takeBack : null} />
        </div>
      </div>
    </div>
  );
}
