// What is selected: ids of nodes and of edges. Both sets are the same objects until they say something else.
import { useCallback, useMemo, useState } from 'react';

const nothing = { nodes: new Set(), edges: new Set() };

export function taken(chosen, kind, changes) {
  const ids = new Set(chosen[kind]);
  for (const { id, selected } of changes) {
    if (selected) ids.add(id);
    else ids.delete(id);
  }
  const isSame = ids.size === chosen[kind].size && [...ids].every((id) => chosen[kind].has(id));
  return isSame ? chosen : { ...chosen, [kind]: ids };
}

export function useSelection() {
  const [chosen, setChosen] = useState(nothing);
  const take = useCallback((kind, changes) => changes.length > 0 && setChosen((before) => taken(before, kind, changes)), []);
  const only = useCallback((kind, id) => setChosen({ ...nothing, [kind]: new Set([id]) }), []);
  const clear = useCallback(() => setChosen(nothing), []);
  return useMemo(() => ({ ...chosen, take, only, clear }), [chosen, take, only, clear]);
}
