// Receivers as people write them with somebody's library, one behind each path:
//   node verifiers.mjs '{"/hook": {"by": "svix", "secret": "whsec_…"}}'
// Says its port, then for each request a line of JSON: its path and id, and what the library made of it or why it refused.
import { createServer } from "node:http";
import { text } from "node:stream/consumers";

import { verify } from "@octokit/webhooks-methods";
import { HTTP } from "cloudevents";
import * as standard from "standardwebhooks";
import * as svix from "svix";

const libraries = {
  standardwebhooks: (secret, headers, body) => new standard.Webhook(secret).verify(body, headers),
  svix: (secret, headers, body) => {
    new svix.Webhook(secret).verify(body, headers);
    return JSON.parse(body);
  },
  github: async (secret, headers, body) => {
    if (!(await verify(secret, body, headers["x-hub-signature-256"]))) throw new Error("not signed by us");
    return JSON.parse(body);
  },
  cloudevents: (_, headers, body) => {
    const event = HTTP.toEvent({ headers, body });
    event.validate();
    return event.toJSON();
  },
};

const doors = JSON.parse(process.argv[2]);
const server = createServer(async (request, response) => {
  const { by, secret } = doors[request.url];
  const heard = { path: request.url, id: request.headers["webhook-id"] };
  try {
    heard.seen = await libraries[by](secret, request.headers, await text(request));
    response.writeHead(200).end();
  } catch (error) {
    heard.refused = String(error.message);
    response.writeHead(401).end();
  }
  console.log(JSON.stringify(heard));
});
server.listen(0, "127.0.0.1", () => console.log(`port ${server.address().port}`));
