// Going back: a whole version as one edit, or the change of one version alone. Where others have changed the same
// since, nothing is done until somebody says that the rest shall be.
import { useState } from 'react';

import { useCall } from '@wrk-copilot/realtime/react';

import { useAnnounce } from '../../parts/announce.jsx';

export function useReverts({ blueprint, document, at, go }) {
  const announce = useAnnounce();
  const { call, isPending } = useCall('history.revert');
  const [problem, setProblem] = useState(null); // { error, entry } or { left, entry }
  const takeBack = async (entry, mode = 'strict') => {
    setProblem(null);
    try {
      const { change_id: made, conflicts = [] } = await call({ change: entry.id, mode });
      announce(made === null ? 'Nothing was left to revert.' : `Reverted version ${entry.version}.`);
      if (conflicts.length > 0) setProblem({ entry, left: conflicts });
      go(Infinity);
    } catch (error) {
      setProblem({ entry, error });
    }
  };
  const bringBack = async () => {
    setProblem(null);
    try {
      blueprint.edit(document);
      await blueprint.saved();
      announce(`Restored version ${at}.`);
      go(Infinity);
    } catch (error) {
      blueprint.store?.discard();
      setProblem({ error, entry: null });
    }
  };
  return { takeBack, bringBack, problem, forget: () => setProblem(null), isPending };
}
