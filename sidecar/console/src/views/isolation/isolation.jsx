export default function Isolation({ person }) {
  return <p className="waiting">{person.name}</p>;
}
