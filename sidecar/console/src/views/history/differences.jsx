// The differences in words, beside the picture: with a sign and a word for each, not by colour alone.
import { Icon } from '../../parts/icon.jsx';
import { labelOf, nodesOf } from '../project/flow.js';

const signs = { added: 'add', changed: 'edit', removed: 'minus' };
const MOST = 100;

export function Differences({ drawing: { items, document }, title }) {
  const byId = new Map(nodesOf(document).map((node) => [String(node.id), node]));
  const end = (id) => labelOf(byId.get(String(id)) ?? { id });
  return (
    <section className="differences" aria-label="Differences">
      <h2 className="list-heading">
        {title} <span className="badge">{items.length}</span>
      </h2>
      {items.length === 0 && <p className="changes-end">No differences.</p>}
      <ul className="difference-rows">
        {items.slice(0, MOST).map(({ kind, id, how, fields, element }) => (
          <li key={`${kind} ${id}`} className="difference" data-diff={how}>
            <Icon name={signs[how]} />
            <span>
              <strong>{kind === 'nodes' ? labelOf(element) : `${end(element.source)} → ${end(element.target)}`}</strong> {how}
              {fields?.length > 0 && `: ${fields.join(', ')}`}
            </span>
          </li>
        ))}
      </ul>
      {items.length > MOST && <p className="changes-end">and {items.length - MOST} more</p>}
    </section>
  );
}
