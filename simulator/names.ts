/** Names from countries where UCX is sold. Accents and apostrophes are deliberate. */
export const FIRST_NAMES: readonly string[] = [
  "Alessia", "Andrea", "Astrid", "Björn", "Bruno", "Camille", "Carla", "Chiara", "Daniel", "David", "Elena", "Elif", "Emma",
  "Enzo", "Fatima", "Federico", "François", "Giulia", "Hanna", "Hugo", "Ingrid", "Isabel", "Jana", "João", "Jonas", "Julia",
  "Karim", "Katarzyna", "Lars", "Laura", "Léa", "Liam", "Lorenzo", "Lucía", "Magnus", "Maja", "Marco", "Maria", "Martina",
  "Matteo", "Mehmet", "Mia", "Nadia", "Noah", "Nora", "Olivia", "Omar", "Paolo", "Petra", "Rafael", "Sara", "Sofia", "Søren",
  "Tomás", "Valentina", "Wojciech", "Yasmin", "Zoë",
]; // prettier-ignore

export const LAST_NAMES: readonly string[] = [
  "Abbott", "Almeida", "Andersen", "Bakker", "Barbieri", "Becker", "Bianchi", "Brown", "Caruso", "Clark", "Conti", "Costa",
  "D'Angelo", "De Luca", "Dubois", "Eriksson", "Esposito", "Evans", "Fabbri", "Fernández", "Ferrari", "Fischer", "Fontana",
  "Galli", "García", "Giordano", "Greco", "Hansen", "Hoffmann", "Ibrahim", "Jansen", "Johansson", "Kaya", "Keller", "Kowalski",
  "Lambert", "Larsen", "Lefèvre", "Lombardi", "López", "Mancini", "Marino", "Martin", "Mazza", "Moretti", "Müller", "Nielsen",
  "Novak", "O'Brien", "Okafor", "Olsen", "Pereira", "Petrov", "Ricci", "Rinaldi", "Rossi", "Rousseau", "Russo", "Santos",
  "Schmidt", "Silva", "Smith", "Vitale", "Weber", "Wilson", "Yılmaz",
]; // prettier-ignore

export const DEPARTMENTS: readonly (readonly [department: string, titles: readonly string[]])[] = [
  ["Reception", ["Receptionist", "Front Desk Lead"]],
  ["Sales", ["Account Manager", "Sales Engineer", "Sales Director"]],
  ["Customer Care", ["Support Agent", "Support Team Lead", "Customer Success Manager"]],
  ["Research & Development", ["Software Engineer", "QA Engineer", "Engineering Manager"]],
  ["Finance", ["Accountant", "Controller", "Chief Financial Officer"]],
  ["Human Resources", ["Recruiter", "HR Business Partner"]],
  ["Operations", ["Network Engineer", "IT Administrator", "Facility Manager"]],
  ["Marketing", ["Content Strategist", "Product Marketing Manager"]],
];

export const TIMEZONES: readonly string[] = [
  "Europe/Rome",
  "Europe/Berlin",
  "Europe/London",
  "Europe/Madrid",
  "America/New_York",
];

/** Reduces a name to the ASCII letters that an e-mail address can hold. */
export function asciiName(name: string): string {
  return name
    .replaceAll("ø", "o")
    .replaceAll("ı", "i")
    .normalize("NFD")
    .replaceAll(/[^A-Za-z]/g, "")
    .toLowerCase();
}
