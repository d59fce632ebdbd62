export function Migration() {
  return <p>…</p>;
}
