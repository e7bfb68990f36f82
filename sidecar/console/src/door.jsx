// Where there is no demo: who has a token comes in with it. It stays in this page's memory.
import { useState } from 'react';

// What a token says of its bearer, for the page to show; the gateway verifies it.
function claims(token) {
  try {
    const [, body] = token.trim().split('.');
    return JSON.parse(atob(body.replaceAll('-', '+').replaceAll('_', '/')));
  } catch {
    return null;
  }
}

export function Door({ enter }) {
  const [problem, setProblem] = useState('');
  const submit = (event) => {
    event.preventDefault();
    const token = new FormData(event.currentTarget).get('token').trim();
    const said = claims(token);
    if (!said?.sub) return setProblem('This is not a valid token (JWT).');
    const { sub, tenant_id: id, roles = [] } = said;
    enter({ key: sub, name: said.name ?? sub, role: roles[0] ?? 'member', tenant: { id, name: id }, token });
  };
  return (
    <form className="door card" onSubmit={submit}>
      <h2>Sign in with a token</h2>
      <p>Paste any token that this installation accepts, for example one from your application.</p>
      <label htmlFor="token">Token</label>
      <textarea id="token" name="token" rows="6" required spellCheck="false" aria-describedby="token-problem" />
      <p id="token-problem" role="alert" className="problem">
        {problem}
      </p>
      <button type="submit" className="button">
        Sign in
      </button>
    </form>
  );
}
