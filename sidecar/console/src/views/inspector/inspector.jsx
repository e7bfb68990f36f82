export default function Inspector({ person }) {
  return <p className="waiting">{person.name}</p>;
}
