// One message: who, when, what, and of one's own how far it has come. Its author may edit it for a quarter of an hour
// and delete it; those who keep order may delete any. What the database says against it stands below it.
import { memo, useId, useState } from 'react';

import { Avatar } from '../../parts/avatar.jsx';
import { ErrorLine } from '../../parts/error_line.jsx';
import { Icon } from '../../parts/icon.jsx';
import { IconButton } from '../../parts/icon_button.jsx';
import { Time } from '../../parts/time.jsx';
import { kinds } from './kinds.js';
import { namedIn, splitAt } from './mentions.js';
import { timeOf } from './rows.js';
import { TooLong, excessOf } from './too_long.jsx';

const EDIT_MS = 15 * 60 * 1000;
const states = {
  sending: { word: 'Sending', icon: 'clock' },
  sent: { word: 'Sent', icon: 'check' },
  delivered: { word: 'Delivered', icon: 'check_twice' },
  read: { word: 'Read', icon: 'check_twice' },
  failed: { word: 'Not sent', icon: 'alert' },
};

function Body({ message, people }) {
  if (message.deleted_at) return <p className="talk-body talk-deleted">This message was deleted.</p>;
  const names = (message.mentions ?? []).map((id) => people.get(id)?.name);
  return (
    <p className="talk-body">
      {splitAt(message.body, names).map(({ text, name }, i) => (name ? <mark key={i}>{text}</mark> : text))}
      {message.edited_at && <span className="talk-soft"> (edited)</span>}
    </p>
  );
}

function Edit({ message, people, save, close }) {
  const id = useId();
  const [excess, setExcess] = useState(0);
  const submit = (event) => {
    event.preventDefault();
    if (excess) return;
    const body = new FormData(event.currentTarget).get('body').trim();
    if (body && body !== message.body) save({ body, mentions: namedIn(body, people.list) });
    close();
  };
  const keys = (event) => {
    if (event.key === 'Escape') close();
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    event.currentTarget.form.requestSubmit();
  };
  return (
    <form className="talk-edit" onSubmit={submit}>
      <textarea
        name="body"
        aria-label="Edit message"
        defaultValue={message.body}
        rows={2}
        autoFocus
        aria-invalid={excess > 0 || undefined}
        aria-describedby={id}
        onChange={({ target }) => setExcess(excessOf(target.value))}
        onKeyDown={keys}
      />
      <TooLong id={id} length={excess} />
      <span className="talk-edit-buttons">
        <button type="submit" className="button small" disabled={excess > 0}>
          Save
        </button>
        <button type="button" className="button quiet small" onClick={close}>
          Cancel
        </button>
      </span>
    </form>
  );
}

function State({ state, isShown }) {
  const { word, icon } = states[state] ?? states.sent;
  return (
    <span className="talk-state" data-state={state} data-tip={word}>
      <Icon name={icon} />
      <span className={isShown ? undefined : 'unseen'}>{word}</span>
    </span>
  );
}

function Actions({ canEdit, edit, canRemove, remove }) {
  const [isSure, setSure] = useState(false);
  if (!canEdit && !canRemove) return null;
  return (
    <span className="talk-actions" data-open={isSure || undefined}>
      {canEdit && !isSure && <IconButton icon="edit" label="Edit message" onClick={edit} />}
      {canRemove && !isSure && <IconButton icon="trash" label="Delete message" onClick={() => setSure(true)} />}
      {isSure && (
        <>
          <button type="button" className="button small danger" autoFocus onClick={remove} onBlur={() => setSure(false)}>
            Delete message
          </button>
        </>
      )}
    </span>
  );
}

export const Message = memo(function Message({ message, isFirst, isOwn, isLastOwn, isTarget, state, can, people, actions }) {
  const [isEdited, setEdited] = useState(false);
  const [refusal, setRefusal] = useState(null);
  const { note } = kinds[message.type] ?? kinds.client;
  const name = people.nameOf(message.author_id, message.author_name);
  const isThere = !message.deleted_at && (state !== 'failed' && state !== 'sending');
  const attempt = (what) => Promise.resolve(what).then(() => setRefusal(null), setRefusal);
  const isSaid = isLastOwn || state === 'failed' || state === 'sending';
  const canEdit = isOwn && isThere && Date.now() - timeOf(message) < EDIT_MS;
  const canRemove = isThere && (isOwn || can?.includes('delete_message'));
  return (
    <li
      className="talk-message"
      data-message={message.id}
      data-state={state}
      data-kind={message.type}
      data-first={isFirst || undefined}
      data-pending={message.isPending || undefined}
      data-own={isOwn || undefined}
      data-said={(isOwn && isSaid) || undefined}
      data-target={isTarget || undefined}
      tabIndex={-1}
    >
      {isFirst && <Avatar id={message.author_id ?? 'system'} name={name} />}
      <div className="talk-message-main">
        {isFirst && (
          <p className="talk-author">
            <strong>{isOwn ? 'You' : name}</strong>
            <Time at={timeOf(message)} className="talk-soft" isOfDay />
            {note && <span className="talk-kind">{note}</span>}
          </p>
        )}
        {isEdited ? (
          <Edit message={message} people={people} save={(change) => attempt(actions.edit(message.id, change))} close={() => setEdited(false)} />
        ) : (
          <Body message={message} people={people} />
        )}
        {state === 'failed' && (
          <ErrorLine error={message.error ?? { message: 'The server could not be reached' }} what="Not sent." again={() => attempt(actions.retry(message.id))} dismiss={() => actions.discard(message.id)} />
        )}
        <ErrorLine error={refusal} dismiss={() => setRefusal(null)} />
      </div>
      <span className="talk-message-side">{isOwn && !message.deleted_at && state !== 'failed' && <State state={state} isShown={isSaid} />}</span>
      {!isEdited && <Actions canEdit={canEdit} edit={() => setEdited(true)} canRemove={canRemove} remove={() => attempt(actions.remove(message.id))} />}
    </li>
  );
});
