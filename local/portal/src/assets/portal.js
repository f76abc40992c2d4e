"use strict";
const find = (id) => document.getElementById(id);
const [frame, note, tools] = [find("task"), find("note"), find("tools")];
const WAIT_MS = 3000;
let task;
let isBusy = false;

const say = (text) => {
  note.textContent = text;
  note.hidden = text === "";
};

const showCounts = ({ objects, complete, answers, answersWanted, own }) => {
  find("progress").max = Math.max(answersWanted, 1);
  find("progress").value = answers;
  find("counts").textContent = `${complete} of ${objects} images done · ${own} by you`;
};

const post = async (path, body) => {
  const response = await fetch(path, { method: "POST", body, headers: { "content-type": "application/json" } });
  const answer = await response.json().catch(() => ({ problem: "gtcl says no: open the address that it printed again" }));
  return { isTaken: response.ok, isOver: response.status === 409, ...answer };
};

async function next() {
  const answer = await post("/task");
  if (!answer.isTaken) return say(answer.problem);
  showCounts(answer.counts);
  task = answer.task;
  frame.hidden = tools.hidden = task === null;
  if (task !== null) {
    say("");
    frame.src = `/task/${task}/page`;
    return;
  }
  frame.removeAttribute("src");
  const isComplete = answer.counts.complete === answer.counts.objects;
  say(isComplete ? "All images are labeled. Thank you! You can close this page." : "There is nothing for you right now. Others are at work on what is left.");
  if (!isComplete) setTimeout(go, WAIT_MS, next);
}

/** Does one thing at a time; what fails is said, and can be tried again. */
async function go(act) {
  if (isBusy) return;
  isBusy = true;
  try {
    await act();
  } catch {
    say("gtcl can't be reached. Your answer isn't saved yet: start gtcl again, then submit again.");
  } finally {
    isBusy = false;
  }
}

const finish = (verb, body) =>
  go(async () => {
    const answer = await post(`/task/${task}/${verb}`, body);
    if (!answer.isTaken && !answer.isOver) return say(answer.problem);
    await next();
  });

addEventListener("message", (event) => {
  if (event.source !== frame.contentWindow || event.data?.kind !== "answer" || task == null) return;
  finish("answer", String(event.data.content));
});
frame.addEventListener("load", () => frame.contentWindow.focus());
find("skip").addEventListener("click", () => finish("skip"));
find("decline").addEventListener("click", () => finish("decline"));
go(next);
