export default function History({ person }) {
  return <p className="waiting">{person.name}</p>;
}
