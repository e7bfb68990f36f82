// How far away the canvas is: cards have less on them, and larger, the smaller they are shown.
import { useStore } from '@xyflow/react';

const farOf = (zoom) => (zoom >= 0.62 ? 'near' : zoom >= 0.36 ? 'far' : 'farther');

const farOfView = ({ transform }) => farOf(transform[2]);

export const useFar = () => useStore(farOfView);
