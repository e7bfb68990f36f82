export function ChaosBar() {
  return null;
}
