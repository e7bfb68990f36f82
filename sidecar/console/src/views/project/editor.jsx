// One document, open: canvas, list, properties and what goes on around them.
import { Suspense, lazy, useCallback, useEffect, useId, useMemo, useRef, useState } from 'react';

import { useReactFlow } from '@xyflow/react';
import { useAutomationVersion, useBlueprint } from '@wrk-copilot/realtime/react';

import { useAnnounce } from '../../parts/announce.jsx';
import { ErrorLine } from '../../parts/error_line.jsx';
import { IconButton } from '../../parts/icon_button.jsx';
import { Canvas } from './canvas.jsx';
import { CanvasActions } from './canvas_actions.jsx';
import { ConflictPopover } from './conflict_popover.jsx';
import { CARD, nodesOf, placeOf } from './flow.js';
import { ListView } from './list_view.jsx';
import { marksOf } from './marks.js';
import { Properties } from './properties.jsx';
import { SaveRefusal } from './save_state.jsx';
import { StatusBar } from './status_bar.jsx';
import { Toolbar } from './toolbar.jsx';
import { useBeingThere } from '../talk/use_being_there.js';
import { useConflicts } from './use_conflicts.js';
import { useEditor } from './use_editor.js';
import { useEnterTalk } from './use_enter_talk.js';
import { useFocusKept } from './use_focus_kept.js';
import { useNews } from './use_news.js';
import { useOthers } from './use_others.js';
import { useRoom } from './use_room.js';
import { useSelection } from './use_selection.js';
import { useStepsBack } from './use_steps_back.js';

const Talk = lazy(() => import('../talk/talk.jsx'));

const ABOVE_SHEET = 0.62; // of the height of the canvas

// Marks that say the same as before are the same objects.
function useMarks(others, questions, flashes) {
  const before = useRef(new Map());
  return useMemo(() => (before.current = marksOf({ others, questions, flashes }, before.current)), [others, questions, flashes]);
}

// Brings a node into sight, if it is not; what is in sight stays where it is.
function useShowNode(frame) {
  const { setCenter, getViewport } = useReactFlow();
  return useCallback(
    (node) => {
      const { x: dx, y: dy, zoom } = getViewport();
      const { width, height } = frame.current.getBoundingClientRect();
      const { x, y } = placeOf(node);
      const [left, top] = [x * zoom + dx, y * zoom + dy];
      const isIn = left > 0 && top > 0 && left + CARD.width * zoom < width && top + CARD.height * zoom < height * ABOVE_SHEET;
      if (!isIn) setCenter(x + CARD.width / 2, y + CARD.height / 2 + (height * (1 - ABOVE_SHEET)) / (2 * zoom), { zoom });
    },
    [frame, setCenter, getViewport],
  );
}

// Everything that the parts of the view are about.
function useWork(versionId, field) {
  const announce = useAnnounce();
  const blueprint = useBlueprint(versionId);
  const lifecycle = useAutomationVersion(versionId);
  const selection = useSelection();
  const { document, edit } = blueprint;
  const status = lifecycle.status ?? blueprint.status;
  const editor = useEditor({ document, edit, status, selection, announce });
  const [node] = selection.nodes;
  const { others, nameOf, cursors } = useOthers(versionId, { node, field });
  const { flashes, editors } = useNews(versionId, { document, nameOf, announce });
  const conflicts = useConflicts({ blueprint, editors, nameOf, announce });
  const marks = useMarks(others, conflicts.questions, flashes);
  const back = useStepsBack(blueprint, announce);
  return { announce, blueprint, lifecycle: { ...lifecycle, status }, selection, editor, cursors, nameOf, conflicts, marks, back };
}

// The canvas and what lies on it.
function Board({ work, frame, setField, stem, heading }) {
  const { blueprint, editor, selection, cursors, conflicts, marks, announce } = work;
  const { open, showNode } = conflicts;
  const latest = useRef(null);
  latest.current = showNode;
  const actions = useMemo(() => ({ openConflict: (id) => latest.current(id) }), []);
  // to the node that it was about, if that is still there
  const back = (id) => {
    const node = id !== undefined && frame.current?.querySelector(`.react-flow__node[data-id="${CSS.escape(id)}"]`);
    (node || heading.current)?.focus();
  };
  if (!blueprint.document) return <div className="board waiting">{blueprint.error ? null : 'Loading blueprint …'}</div>;
  return (
    <CanvasActions value={actions}>
      <div className="board" ref={frame}>
        <Canvas editor={editor} selection={selection} marks={marks} cursors={cursors} />
        {open && (
          <ConflictPopover
            question={open}
            count={conflicts.questions.length}
            document={blueprint.document}
            nameOf={conflicts.nameOf}
            decide={conflicts.decide}
            later={conflicts.later}
            turn={conflicts.turn}
            back={back}
          />
        )}
        <Properties {...{ editor, selection, announce, stem, back }} at={setField} />
      </div>
    </CanvasActions>
  );
}

function Refusals({ blueprint, conflicts, back }) {
  return (
    <>
      <SaveRefusal blueprint={blueprint} />
      <ErrorLine error={conflicts.error} what="The conflict was not resolved." />
      {back.refused && (
        <div className="save-refusal">
          <ErrorLine error={back.refused.error} what={`Could not ${back.refused.step}.`} dismiss={back.forget} />
          {back.refused.error.code === 'conflict' && (
            <button type="button" className="button quiet small" onClick={back.rest}>
              {back.refused.step === 'undo' ? 'Undo the rest' : 'Redo the rest'} and keep their changes
            </button>
          )}
        </div>
      )}
    </>
  );
}

export function Editor({ person, versionId, documents, choose }) {
  const [field, setField] = useState(null);
  const work = useWork(versionId, field);
  const frame = useRef(null);
  const heading = useRef(null);
  const root = useRef(null);
  const { room, shown, toggle, clear } = useRoom(root);
  const enterTalk = useEnterTalk(root, shown.talk);
  const stem = useId();
  useBeingThere(person.projectId, root);
  const show = useShowNode(frame);
  const { blueprint, editor, selection, marks, announce, conflicts, back } = work;
  const kept = useFocusKept({ document: blueprint.document, heading, announce });
  const now = useRef(null);
  now.current = { document: blueprint.document, clear };
  const { only, nodes, edges } = selection;
  // what was chosen or asked to be shown is on the canvas, which a panel may be in front of
  useEffect(() => {
    if (nodes.size + edges.size > 0 || conflicts.turn > 0) now.current.clear();
  }, [nodes, edges, conflicts.turn]);
  const chooseRow = useCallback(
    (kind, id) => {
      only(kind, id);
      const node = kind === 'nodes' && nodesOf(now.current.document).find((other) => String(other.id) === id);
      if (!node) return;
      show(node);
    },
    [only, show],
  );
  const press = (panel, event) => {
    if (panel === 'talk') enterTalk(event);
    toggle(panel);
  };
  const closeTalk = () => {
    toggle('talk');
    root.current.querySelector('[data-panel="talk"]').focus();
  };
  return (
    <div className="project" ref={root} data-room={room} onKeyDown={back.onKeyDown}>
      <Toolbar
        documents={documents}
        chosen={versionId}
        choose={choose}
        frame={frame}
        toggle={press}
        {...{ room, shown, blueprint, editor, back, announce, conflicts }}
      />
      <StatusBar lifecycle={work.lifecycle} />
      <Refusals blueprint={blueprint} conflicts={conflicts} back={back} />
      <div className="project-body" data-list={shown.list} data-talk={shown.talk} {...kept}>
        <ListView editor={editor} selection={selection} marks={marks} headingRef={heading} choose={chooseRow} />
        <Board {...{ work, frame, setField, stem, heading }} />
        {shown.talk && (
          <aside className="project-talk" aria-label={`Messages and tasks of ${person.name}`}>
            <span className="project-talk-close">
              <IconButton icon="close" label="Close panel" onClick={closeTalk} />
            </span>
            <Suspense fallback={<p className="waiting">Loading …</p>}>
              <Talk person={person} projectId={person.projectId} versionId={versionId} documents={documents} openVersion={choose} node={[...selection.nodes][0]} showNode={chooseRow} />
            </Suspense>
          </aside>
        )}
      </div>
    </div>
  );
}
