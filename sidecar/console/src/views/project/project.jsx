export default function Project({ person }) {
  return <p className="waiting">{person.name}</p>;
}
