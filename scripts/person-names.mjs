// Names of persons that are words of the product, or may become so: an example in a text, or a type
// of the sources, would otherwise make `support-bundle` keep them (scripts/own-words.mjs). With
// their capital letter alone: "grant" stays a word.
const NAMES = `
  Aaron Abbott Abigail Ada Adam Adrian Alan Albert Alex Alexander Alexis Alice Allen Amanda Amber
  Amelia Amy Andrea Andrew Angel Angela Ann Anna Anne Anthony Antonio April Archer Arthur Ashley
  Audrey Austin Autumn Baker Banks Barbara Baron Bauer Ben Benjamin Berg Bernoulli Betty Beverly
  Bill Billy Bishop Blake Bob Bobby Bond Bonferroni Booth Brad Bradley Brandon Brenda Brian Brooks
  Brown Bruce Bruno Bryan Bush Butler Byron Carl Carla Carlo Carlos Carol Caroline Carpenter Carter
  Casey Cash Catherine Chance Charles Charlie Charlotte Chase Chen Cheryl Chip Chris Christian
  Christina Christine Christopher Claire Clark Claude Clay Clint Cole Connor Cook Cooper Craig
  Crystal Curtis Cynthia Daisy Dale Dan Dana Daniel Darwin David Dawn Dean Deborah Dennis Derek
  Diana Diane Don Donald Donna Dorothy Doug Douglas Drake Drew Duke Dylan Earl Eddie Edward Elena
  Eli Elias Elizabeth Ella Ellen Emil Emily Emma Eric Erik Ethan Eugene Eva Eve Evelyn Faith Felix
  Fielding Finch Finn Fischer Fisher Ford Forest Fox Frances Francis Frank Franklin Fred Frederick
  Fuchs Gabriel Gary Gates Gauss Gene George Gerald Gloria Grace Grant Gray Green Greg Gregory Guy
  Haas Hall Hank Hannah Hans Harold Harper Harris Harrison Harry Haus Hawk Hazel Heather Heidi Helen
  Henry Hill Holly Holm Hope Hopper Howard Hugo Hunter Ian Ida Ines Ingrid Iris Irene Isaac Isabella
  Ivan Ivy Jack Jackson Jacob Jade Jake James Jamie Jan Jane Janet Jason Jasper Jay Jean Jeff Jeffrey
  Jennifer Jeremy Jerry Jesse Jessica Jesus Jim Jo Joan Job Joe Joel Johann John Johnny Johnson Jon
  Jonathan Jones Jordan Jose Joseph Josh Joshua Joy Joyce Juan Judith Judy Julia Julian Julie June
  Justice Justin Kai Karen Karl Kate Kathleen Kay Keith Keller Kelly Kelvin Ken Kenneth Kevin Kim
  King Kit Klein Knight Koch Kyle Lamb Lambert Lance Lane Lara Larry Lars Laura Lauren Lawrence Lee
  Leo Leon Leonard Levenshtein Lewis Liam Lily Lin Lincoln Linda Lisa Liu Liz Logan Long Louis Love
  Lovelace Lucas Lucia Lucy Luis Luke Lynn Madison Marc Marcel Marco Marcus Margaret Maria Marie
  Marina Mario Mark Marsh Marshall Martha Martin Mary Mason Matt Matthew Max May Megan Melissa Mia
  Michael Michelle Mike Miles Miller Mitchell Monica Moon Moore Morgan Moses Moss Nagle Nancy Natalie
  Nathan Neil Newton Nicholas Nick Nicole Nina Noah Noel Nora Norman Norton Oliver Olivia Oscar Otto
  Owen Page Paige Pamela Paris Parker Pascal Pat Patricia Patrick Paul Paula Pearl Penny Perry Pete
  Peter Phil Philip Pierre Piper Poisson Pope Porter Postel Potter Power Powers Price Prince Quentin
  Rachel Ralph Randy Ray Raymond Rebecca Reed Rex Rice Rich Richard Ricky Rider Rita Rob Robert Robin
  Rod Roger Roman Ron Ronald Rosa Rose Ross Roy Ruby Rudolf Rush Russell Ruth Ryan Sage Sally Sam
  Samantha Samuel Sandra Sandy Sara Sarah Sawyer Schmidt Scott Sean Serena Seth Shannon Sharon Shaw
  Shepherd Silva Simon Sky Smith Snow Sofia Sophia Sophie Spencer Stacy Stanley Star Stark Stein
  Stella Stephanie Stephen Stern Steve Steven Stock Stone Stuart Sue Summer Sun Susan Swan Sweep
  Swift Sydney Sylvia Tanner Taylor Ted Teresa Terry Theo Theodore Theresa Thomas Tiffany Tim Timothy
  Tina Todd Tom Tony Tracy Travis Turing Turner Tyler Vale Valentina Vance Vera Vernon Victor
  Victoria Vincent Viola Violet Virginia Wagner Walker Wall Wallace Walter Wang Ward Warner Warren
  Watt Watts Wayne Webb Weber Webster Wei Wells West Wheeler White Will William Williams Wilson
  Winston Winter Wolf Wong Wood Woods Wright Yates Young Zachary Zhang Zoe
`;

/** @type {ReadonlySet<string>} */
export const personNames = new Set(NAMES.match(/\p{L}+/gu));
