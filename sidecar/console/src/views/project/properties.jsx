// The selected node or connection as a form. What is typed is an edit at once, and what others make of the same is
// shown at once.
import './properties.css';

import { memo, useState } from 'react';

import { Icon } from '../../parts/icon.jsx';
import { IconButton } from '../../parts/icon_button.jsx';
import { fieldsOf } from './edits.js';
import { edgeName, edgesOf, kindOf, labelOf, nodesOf, placeOf } from './flow.js';
import { useFocusReturn } from './use_focus_return.js';

function Field({ id, name, value, isLong, disabled, change, at }) {
  // what was typed, and the value that it made: where that is another now, somebody else's stands
  const [draft, setDraft] = useState(null);
  const shared = { id, disabled, onFocus: () => at(name), onBlur: () => (setDraft(null), at(null)) };
  if (typeof value === 'boolean') {
    return (
      <label className="field field-check" htmlFor={id}>
        <input {...shared} type="checkbox" checked={value} onChange={({ target }) => change(target.checked)} />
        {name}
      </label>
    );
  }
  const isNumber = typeof value === 'number';
  const type = ({ target }) => {
    const text = target.value;
    const isOne = !isNumber || (text.trim() !== '' && Number.isFinite(Number(text)));
    const made = isOne ? (isNumber ? Number(text) : text) : value;
    setDraft({ text, made });
    if (isOne) change(made);
  };
  const Input = isLong ? 'textarea' : 'input';
  return (
    <div className="field">
      <label htmlFor={id}>{name}</label>
      <Input {...shared} value={draft && draft.made === value ? draft.text : value} rows={isLong ? 4 : undefined} inputMode={isNumber ? 'decimal' : undefined} onChange={type} spellCheck="false" />
    </div>
  );
}

const isAlike = (a, b) => a.id === b.id && labelOf(a) === labelOf(b);

// There may be a thousand: drawn again only when one has another name.
const Targets = memo(
  function Targets({ nodes, but }) {
    return nodes
      .filter(({ id }) => String(id) !== but)
      .map((node) => (
        <option key={node.id} value={String(node.id)}>
          {labelOf(node)}
        </option>
      ));
  },
  (before, now) => before.but === now.but && before.nodes.length === now.nodes.length && before.nodes.every((node, i) => node === now.nodes[i] || isAlike(node, now.nodes[i])),
);

function Connect({ document, id, connect, announce }) {
  const submit = (event) => {
    event.preventDefault();
    const target = new FormData(event.currentTarget).get('target');
    if (target) announce(connect({ source: id, target }) ? 'Connected.' : 'Already connected.');
  };
  return (
    <form className="properties-connect" onSubmit={submit}>
      <label>
        <span className="field-name">Connect to</span>
        <select name="target" defaultValue="">
          <option value="" disabled>
            Choose a node
          </option>
          <Targets nodes={nodesOf(document)} but={id} />
        </select>
      </label>
      <button type="submit" className="button quiet small">
        Connect
      </button>
    </form>
  );
}

function NodeForm({ editor, node, at, announce, idStem }) {
  const id = String(node.id);
  const place = placeOf(node);
  const move = (axis) => (value) => editor.move(new Map([[id, { ...place, [axis]: value }]]));
  const off = !editor.canEdit;
  return (
    <div className="properties-fields">
      <Field id={`${idStem}-label`} name="Label" value={labelOf(node)} disabled={off} change={(label) => editor.rename(id, label)} at={at} />
      <div className="field-pair">
        <Field id={`${idStem}-x`} name="x" value={Math.round(place.x)} disabled={off} change={move('x')} at={at} />
        <Field id={`${idStem}-y`} name="y" value={Math.round(place.y)} disabled={off} change={move('y')} at={at} />
      </div>
      {fieldsOf(node).map(({ path, name, value, isLong }, i) => (
        <Field key={name} id={`${idStem}-f${i}`} name={name} value={value} isLong={isLong} disabled={off} change={(next) => editor.set(id, path, next)} at={at} />
      ))}
      {!off && <Connect document={editor.document} id={id} connect={editor.connect} announce={announce} />}
    </div>
  );
}

// what the sheet is about: one node, one connection, or how many
function chosenOf({ document }, selection) {
  const [nodeId] = selection.nodes;
  const [edgeId] = selection.edges;
  const count = selection.nodes.size + selection.edges.size;
  const node = nodeId !== undefined && nodesOf(document).find(({ id }) => String(id) === nodeId);
  const edge = !node && edgeId !== undefined && edgesOf(document).find(({ id }) => String(id) === edgeId);
  return node || edge ? { nodeId, node, edge, count } : null;
}

function Sheet({ chosen: { nodeId, node, edge, count }, editor, selection, at, announce, stem, back }) {
  const { document, canEdit } = editor;
  const focus = useFocusReturn(() => back(nodeId));
  const names = () => new Map(nodesOf(document).map((other) => [String(other.id), other]));
  const title = count > 1 ? `${count} selected` : node ? labelOf(node) : edgeName(edge, names());
  const what = count > 1 ? 'all' : node ? 'node' : 'connection';
  return (
    <section className="properties" aria-label={`Properties: ${title}`} onKeyDown={({ key }) => key === 'Escape' && selection.clear()} {...focus}>
      <header className="properties-top">
        <div>
          <h2>{title}</h2>
          {count === 1 && <p className="properties-kind">{node ? kindOf(node).type : 'Connection'}</p>}
        </div>
        {canEdit && (
          <button type="button" className="button quiet small properties-delete" onClick={editor.removeSelected}>
            <Icon name="trash" />
            Delete {what}
          </button>
        )}
        <IconButton icon="close" label="Close properties" onClick={selection.clear} />
      </header>
      {count === 1 && node && <NodeForm key={nodeId} editor={editor} node={node} at={at} announce={announce} idStem={`${stem}-${nodeId}`} />}
    </section>
  );
}

export function Properties(props) {
  const chosen = chosenOf(props.editor, props.selection);
  return chosen && <Sheet chosen={chosen} {...props} />;
}
