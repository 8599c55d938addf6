// Questions to the server, with the token of the link.

const token = location.hash.slice(1);

export class Refused extends Error {}

async function ask(question, body = {}, signal) {
  let answer;
  try {
    answer = await fetch(`/api/${question}`, {
      method: "POST",
      headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
      body: JSON.stringify(body),
      signal,
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused("The map is not served any more.");
  }
  if (!answer.ok) {
    const said = await answer.json().catch(() => ({}));
    throw new Refused(said.error ?? `The server answered ${answer.status}.`);
  }
  return answer;
}

export const json = async (question, body, signal) => (await ask(question, body, signal)).json();
export const bytes = async (question, body, signal) => (await ask(question, body, signal)).arrayBuffer();
export const blob = async (question, body, signal) => (await ask(question, body, signal)).blob();
