// What is above the canvas: which document, whether it is saved, and what can be done with it.
import { BarButton } from '../../parts/bar_button.jsx';
import { Icon } from '../../parts/icon.jsx';
import { AddNode } from './add_node.jsx';
import { DocumentChooser } from './document_chooser.jsx';
import { OpenExample } from './open_example.jsx';
import { SaveState } from './save_state.jsx';
import { StepButtons } from './step_buttons.jsx';

const FOLDED = { one: 'all', two: 'quiet' }; // whose words go, by the room there is

function Conflicts({ count, show }) {
  return (
    <button type="button" className="button small conflict-count" data-tip={count === 1 ? '1 conflict' : `${count} conflicts`} onClick={() => show(null)}>
      <Icon name="alert" />
      {count} <span className="button-label">{count === 1 ? 'conflict' : 'conflicts'}</span>
    </button>
  );
}

function Toggle({ panel, icon, label, shown, toggle }) {
  return <BarButton icon={icon} label={label} data-panel={panel} aria-pressed={shown[panel]} onClick={(event) => toggle(panel, event)} />;
}

export function Toolbar({ documents, chosen, choose, blueprint, editor, back, frame, announce, room, shown, toggle, conflicts }) {
  const { document, status } = blueprint;
  return (
    <div className="project-toolbar" role="toolbar" aria-label="Blueprint" data-fold={FOLDED[room]}>
      <div className="project-document">
        <DocumentChooser versions={documents.versions} chosen={chosen} choose={choose} status={status} />
        <SaveState blueprint={blueprint} canEdit={editor.canEdit} />
      </div>
      <div className="project-tools">
        {conflicts.questions.length > 0 && <Conflicts count={conflicts.questions.length} show={conflicts.show} />}
        <span className="project-tools-gap" />
        <StepButtons back={back} document={document} canEdit={editor.canEdit} />
        <AddNode editor={editor} frame={frame} announce={announce} />
        <OpenExample choose={choose} refetch={documents.refetch} announce={announce} />
        <Toggle panel="list" icon="list" label="List" shown={shown} toggle={toggle} />
        <Toggle panel="talk" icon="chat" label="Talk" shown={shown} toggle={toggle} />
      </div>
    </div>
  );
}
