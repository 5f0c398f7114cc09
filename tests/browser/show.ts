// Serves the page with the stand-in, for people who work on it:
//   node tests/show.mjs [live|fresh|broken|bare|closed]      (in the build's dashboard folder)

import { StandIn, type Scene } from "./stand_in";

const server = new StandIn("dist");
server.scene = (process.argv[2] as Scene | undefined) ?? "live";
console.log(await server.start());
