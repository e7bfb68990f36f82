// The line to write: Enter sends, Shift and Enter begins a new line, @ names somebody. Who may write for several kinds of
// readers chooses; who may write nothing here is told so.
import { useId, useRef, useState } from 'react';

import { useTyping } from '@wrk-copilot/realtime/react';

import { ErrorLine } from '../../parts/error_line.jsx';
import { Icon } from '../../parts/icon.jsx';
import { kinds, kindsFor } from './kinds.js';
import { namedIn } from './mentions.js';
import { NameList } from './name_list.jsx';
import { TooLong, excessOf } from './too_long.jsx';
import { useNaming } from './use_naming.js';

const drafts = new Map(); // thread and person -> what was begun and not sent
const DRAFTS_MAX = 50;

function keepDraft(key, text) {
  drafts.delete(key);
  if (text) drafts.set(key, text);
  if (drafts.size > DRAFTS_MAX) drafts.delete(drafts.keys().next().value);
}

function KindSwitch({ offered, chosen, choose }) {
  const name = useId();
  return (
    <fieldset className="segments talk-kinds">
      <legend className="unseen">Visible to</legend>
      {offered.map((kind) => (
        <label key={kind} className="segment" data-kind={kind} data-tip={kinds[kind].who}>
          <input type="radio" name={name} value={kind} checked={kind === chosen} onChange={() => choose(kind)} />
          {kinds[kind].title}
        </label>
      ))}
    </fieldset>
  );
}

export function Composer({ thread, can, people, me, resource, anchor = null, sent }) {
  const id = useId();
  const draftKey = `${resource} ${me}`;
  const [text, setText] = useState(drafts.get(draftKey) ?? '');
  const [chosen, setKind] = useState(null);
  const [refusal, setRefusal] = useState(null);
  const field = useRef(null);
  const excess = excessOf(text);
  const { type, stop } = useTyping(resource);
  const offered = kindsFor(can);
  const kind = offered.includes(chosen) ? chosen : offered[0];
  const others = people.list.filter((one) => one.id !== me);
  const write = (now) => {
    setText(now);
    keepDraft(draftKey, now);
    if (now) type();
    else stop();
  };
  const naming = useNaming(field, text, write, others);
  const submit = (event) => {
    event?.preventDefault();
    const body = text.trim();
    if (!body || !kind || excess) return;
    const mentions = namedIn(body, others);
    setRefusal(null);
    // what is refused stays in the thread, marked; only what never got there is told here
    Promise.resolve(thread.send(body, { type: kind, ...(mentions.length > 0 && { mentions }), ...(anchor && { anchor }) })).catch((error) => {
      if (error.code === 'queue_full' || error.code === 'too_large') setRefusal(error);
    });
    write('');
    sent();
  };
  const keys = (event) => {
    if (naming.onKeyDown(event)) return;
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    submit();
  };
  if (can && !kind) return <p className="talk-soft talk-composer">You can read this thread, but not write in it.</p>;
  return (
    <form className="talk-composer" data-kind={kind} onSubmit={submit}>
      <ErrorLine error={refusal} dismiss={() => setRefusal(null)} />
      {offered.length > 1 && <KindSwitch offered={offered} chosen={kind} choose={setKind} />}
      <div className="talk-composer-field">
        {naming.isOpen && <NameList id={`${id}-names`} people={naming.fits} active={naming.active} pick={naming.pick} />}
        <textarea
          ref={field}
          aria-label={anchor ? 'Comment' : 'Message'}
          placeholder={kinds[kind]?.placeholder}
          disabled={!kind}
          rows={1}
          aria-invalid={excess > 0 || undefined}
          aria-describedby={`${id}-excess`}
          value={text}
          onChange={({ target }) => write(target.value)}
          onKeyDown={keys}
          onSelect={naming.onSelect}
          onBlur={() => naming.close()}
          aria-autocomplete="list"
          aria-controls={naming.isOpen ? `${id}-names` : undefined}
          aria-activedescendant={naming.isOpen ? `${id}-names-${naming.active}` : undefined}
        />
        <button type="submit" className="talk-send" aria-label="Send" data-tip="Send (Enter)" disabled={!text.trim() || !kind || excess > 0}>
          <Icon name="send" />
        </button>
      </div>
      <TooLong id={`${id}-excess`} length={excess} />
    </form>
  );
}
