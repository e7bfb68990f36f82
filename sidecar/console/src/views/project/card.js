// The one size that cards have.
export const CARD = { width: 208, height: 64 };
