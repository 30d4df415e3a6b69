// Questions about the listener: numbers, choices and texts, kept as they are typed.

import { element } from "./web/dom.js";

function field(question, answers, save) {
  const id = `question-${question.id}`;
  const optional = question.required ? null : element("span", { className: "required" }, " (if you like)");
  const keep = (value) => {
    answers[question.id] = value;
    save();
  };
  if (question.kind === "choice") {
    return element("fieldset", { id, "aria-describedby": `${id}-problem` },
      element("legend", {}, question.label, optional),
      question.options.map((option) => element("label", { className: "choice" },
        element("input", {
          type: "radio", name: id, value: option, checked: answers[question.id] === option, onchange: () => keep(option),
        }), option)));
  }
  const described = { id, "aria-describedby": `${id}-problem` };
  const input = question.kind === "number"
    ? element("input", {
      ...described, type: "number", className: "short", min: question.minimum, max: question.maximum, step: "any",
      inputMode: "decimal", value: answers[question.id] ?? "",
      oninput: () => keep(input.value === "" ? null : Number(input.value)),
    })
    : element(question.kind === "line" ? "input" : "textarea", {
      ...described, type: question.kind === "line" ? "text" : null, maxLength: question.kind === "line" ? 200 : 4000,
      value: answers[question.id] ?? "", oninput: () => keep(input.value),
    });
  return element("div", { className: "field" }, element("label", { for: id }, question.label, optional), input);
}

/** Why an answer cannot be taken, or null. */
function problemOf(question, answer) {
  const empty = answer === undefined || answer === null || answer === "";
  if (empty) return question.required ? "Please answer this question." : null;
  if (question.kind !== "number") return null;
  const { minimum, maximum } = question;
  return Number.isFinite(answer) && answer >= minimum && answer <= maximum
    ? null : `Please give a number from ${minimum} to ${maximum}.`;
}

export function questionnaire(questions, store, onDone) {
  const answers = store.state.questionnaire;
  const fields = questions.map((question) => {
    const problem = element("p", { className: "remaining", id: `question-${question.id}-problem`, role: "alert" });
    return { question, problem, node: element("div", {}, field(question, answers, () => store.save()), problem) };
  });
  const finish = (event) => {
    event.preventDefault();
    let first = null;
    for (const { question, problem, node } of fields) {
      const text = problemOf(question, answers[question.id]);
      problem.textContent = text ?? "";
      if (text) first ??= node;
    }
    if (first) first.querySelector("input, textarea").focus();
    else onDone();
  };
  return [
    element("div", { className: "page-head" },
      element("h1", { textContent: "About you" }),
      element("p", { textContent: "A few questions, so that the results can be read rightly." })),
    element("form", { className: "card stack questions", noValidate: true, onsubmit: finish },
      fields.map(({ node }) => { node.className = "wide"; return node; }),
      element("button", { type: "submit", className: "primary", textContent: "Finish the test" })),
  ];
}
