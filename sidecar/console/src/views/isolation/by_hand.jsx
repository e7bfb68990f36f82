// An attempt of one's own making.
import { useId, useState } from 'react';

import { byHand } from './attempts.js';

const kinds = { call: 'Call a method', subscribe: 'Subscribe to a channel', publish: 'Publish to a channel', presence: 'Join presence' };

export function ByHand({ isBusy, example, go }) {
  const id = useId();
  const [form, setForm] = useState({ kind: 'call', name: '', params: '' });
  const [problem, setProblem] = useState('');
  const set = (change) => setForm({ ...form, ...change });
  const submit = (event) => {
    event.preventDefault();
    try {
      const attempt = byHand(form);
      setProblem('');
      go(attempt);
    } catch ({ message }) {
      setProblem(message);
    }
  };
  const isCall = form.kind === 'call';
  return (
    <form className="isolation-hand card" onSubmit={submit}>
      <h3>Custom attempt</h3>
      <p className="isolation-soft">For the second request, every ID that is not yours is replaced by one that does not exist.</p>
      <div className="isolation-hand-fields">
        <select aria-label="Action" value={form.kind} onChange={({ target }) => set({ kind: target.value })}>
          {Object.entries(kinds).map(([kind, title]) => (
            <option key={kind} value={kind}>
              {title}
            </option>
          ))}
        </select>
        <input
          aria-label={isCall ? 'Method' : 'Channel'}
          placeholder={isCall ? 'history.list' : form.kind === 'presence' ? `presence:project/${example ?? 'ID'}` : `project:${example ?? 'ID'}`}
          spellCheck="false"
          value={form.name}
          aria-describedby={`${id}-problem`}
          onChange={({ target }) => set({ name: target.value })}
        />
        {isCall && (
          <input
            aria-label="Parameters as JSON"
            placeholder={`{"type": "project", "id": "${example ?? 'ID'}"}`}
            spellCheck="false"
            value={form.params}
            aria-describedby={`${id}-problem`}
            onChange={({ target }) => set({ params: target.value })}
          />
        )}
        <button type="submit" className="button" disabled={isBusy}>
          Run
        </button>
      </div>
      <p id={`${id}-problem`} className="problem" role="alert">
        {problem}
      </p>
    </form>
  );
}
