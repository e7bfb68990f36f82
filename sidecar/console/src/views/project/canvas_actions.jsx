// What a card may ask of the canvas. The value never changes, so cards are not drawn again for it.
import { createContext, useContext } from 'react';

const nothing = { openConflict() {} };

export const CanvasActions = createContext(nothing);

export const useCanvasActions = () => useContext(CanvasActions);
