/** The build inserts the text of a stylesheet. */
declare module "*.css" {
  const text: string;
  export default text;
}
