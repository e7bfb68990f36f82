// The zoom as --zoom of the canvas, for what must be seen however small the nodes are shown, a focus ring for one.
// Nothing is drawn again for it.
import { useEffect } from 'react';

import { useStoreApi } from '@xyflow/react';

export function useZoomProperty() {
  const store = useStoreApi();
  useEffect(() => {
    let last = null;
    const put = ({ transform: [, , zoom], domNode }) => {
      if (zoom === last || !domNode) return;
      last = zoom;
      domNode.style.setProperty('--zoom', zoom);
    };
    put(store.getState());
    return store.subscribe(put);
  }, [store]);
}
