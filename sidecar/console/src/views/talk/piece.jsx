// A piece of the thread, drawn anew when something in it has changed and left alone otherwise: a thread of thousands
// costs no more than its last piece.
import { memo } from 'react';

import { dayName } from '../../parts/time.jsx';
import { Message } from './message.jsx';
import { isSameRow } from './rows.js';

function Row({ row, stateOf, actions, me, can, people, hit, lastOwn }) {
  if (row.kind === 'day') return <li className="talk-day">{dayName(new Date(row.at))}</li>;
  if (row.kind === 'unread')
    return (
      <li className="talk-unread">
        <span>New</span>
      </li>
    );
  const { message } = row;
  return (
    <Message
      message={message}
      isFirst={row.isFirst}
      isOwn={message.author_id === me}
      isLastOwn={message.id === lastOwn}
      isTarget={message.id === hit}
      state={stateOf(message)}
      can={can}
      people={people}
      actions={actions}
    />
  );
}

const has = (rows, id) => rows.some(({ message }) => message?.id === id);

function isSame(a, b) {
  const { rows, hit, lastOwn, ...rest } = a;
  return (
    Object.keys(rest).every((key) => a[key] === b[key]) &&
    (hit === b.hit || (!has(rows, hit) && !has(rows, b.hit))) &&
    (lastOwn === b.lastOwn || (!has(rows, lastOwn) && !has(rows, b.lastOwn))) &&
    rows.length === b.rows.length &&
    rows.every((row, i) => isSameRow(row, b.rows[i]))
  );
}

export const Piece = memo(function Piece({ rows, ...shared }) {
  return (
    <ol className="talk-messages">
      {rows.map((row) => (
        <Row key={row.key} row={row} {...shared} />
      ))}
    </ol>
  );
}, isSame);
