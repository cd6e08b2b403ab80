// Classifies a picture with @huggingface/inference: SERVER PICTURE [TOKEN], and RETRY=no in the
// environment. Prints the answer, or {"error": what the client throws}, as JSON.
import { readFile } from "node:fs/promises";
import { InferenceClient } from "@huggingface/inference";

const [server, picture, token] = process.argv.slice(2);
const client = new InferenceClient(token, { endpointUrl: server });
const inputs = new Blob([await readFile(picture)]);
const options = { retry_on_error: process.env.RETRY !== "no" };
const answer = await client
  .imageClassification({ inputs }, options)
  .catch((error) => ({ error: error.message }));
console.log(JSON.stringify(answer));
