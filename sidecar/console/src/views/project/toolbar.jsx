// What is above the canvas: which document, whether it is saved, and what can be done with it.
import { Icon } from '../../parts/icon.jsx';
import { IconButton } from '../../parts/icon_button.jsx';
import { AddNode } from './add_node.jsx';
import { DocumentChooser } from './document_chooser.jsx';
import { OpenExample } from './open_example.jsx';
import { SaveState } from './save_state.jsx';

function Toggle({ icon, label, isOn, toggle, controls }) {
  return (
    <button type="button" className="button quiet small toggle" aria-pressed={isOn} aria-controls={controls} onClick={toggle}>
      <Icon name={icon} />
      <span className="toggle-label">{label}</span>
    </button>
  );
}

export function Toolbar({ documents, chosen, choose, blueprint, editor, back, frame, announce, shown, toggle, conflicts }) {
  return (
    <div className="project-toolbar" role="toolbar" aria-label="Document">
      <DocumentChooser versions={documents.versions} chosen={chosen} choose={choose} status={blueprint.status} />
      <SaveState blueprint={blueprint} canEdit={editor.canEdit} />
      {conflicts.questions.length > 0 && (
        <button type="button" className="button small conflict-count" onClick={() => conflicts.show(null)}>
          <Icon name="alert" />
          {conflicts.questions.length === 1 ? '1 conflict' : `${conflicts.questions.length} conflicts`}
        </button>
      )}
      <span className="project-toolbar-gap" />
      <IconButton icon="undo" label="Undo my last edit" onClick={back.undo} disabled={!blueprint.document} />
      <IconButton icon="redo" label="Redo my last edit" onClick={back.redo} disabled={!blueprint.document} />
      <AddNode editor={editor} frame={frame} announce={announce} />
      <OpenExample choose={choose} refetch={documents.refetch} announce={announce} />
      <Toggle icon="list" label="List" isOn={shown.list} toggle={() => toggle('list')} />
      <Toggle icon="chat" label="Talk" isOn={shown.talk} toggle={() => toggle('talk')} />
    </div>
  );
}
