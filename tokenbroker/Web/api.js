"use strict";
// The API's operations, as the OpenAPI document has them, each with a form that sends its request.
const $ = id => document.getElementById(id);

function element(name, text, attributes) {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    for (const [attribute, value] of Object.entries(attributes || {})) made.setAttribute(attribute, value);
    return made;
}

const fresh = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), byte => byte.toString(16).padStart(2, "0")).join("");

// A body to begin with: what is required, and nothing in it.
function sample(schema) {
    const types = [].concat(schema.type || []);
    if (types.includes("object")) return Object.fromEntries((schema.required || []).map(name => [name, sample(schema.properties[name])]));
    if (types.includes("array")) return [];
    if (types.includes("integer") || types.includes("number")) return 0;
    if (types.includes("boolean")) return false;
    return types.includes("string") ? "" : null;
}

function labelled(form, control, id, text) {
    control.id = id;
    form.append(element("label", text, { for: id }), control);
    return control;
}

async function send(method, route, fields, body, answer) {
    const headers = {}, query = new URLSearchParams();
    let path = route;
    if ($("key").value.trim()) headers.Authorization = `Bearer ${$("key").value.trim()}`;
    for (const { parameter, field } of fields) {
        if (parameter.in === "path") path = path.replace(`{${parameter.name}}`, encodeURIComponent(field.value));
        else if (parameter.in === "header") headers[parameter.name] = field.value;
        else if (field.value) query.set(parameter.name, field.value);
    }
    if (body) headers["Content-Type"] = "application/json";
    const got = await fetch(query.size ? `${path}?${query}` : path, { method, headers, body: body ? body.value : undefined });
    const text = await got.text();
    let shown = text;
    try { shown = JSON.stringify(JSON.parse(text), null, 1); } catch { /* as it is */ }
    const replayed = got.headers.get("Idempotency-Replayed") ? ", answered before" : "";
    answer.replaceChildren(element("p", `${got.status} ${got.statusText}${replayed}`), element("pre", shown, { tabindex: 0, "aria-label": "Answer" }));
}

function operation(method, route, what, number) {
    const id = name => `operation-${number}-${name}`;
    const whole = element("details"), form = element("form"), answer = element("div", undefined, { role: "status" });
    const heading = element("summary");
    heading.append(element("code", `${method} ${route}`), ` ${what.summary}`);
    form.append(element("p", what.description));
    const fields = what.parameters.map(parameter => {
        const isNumber = parameter.schema.type === "integer";
        const field = element("input", undefined, { type: isNumber ? "number" : "text", autocomplete: "off", spellcheck: "false" });
        field.required = parameter.required;
        if (parameter.in === "header") field.value = fresh();
        return { parameter, field: labelled(form, field, id(parameter.name), parameter.name) };
    });
    let body = null;
    if (what.requestBody) {
        const schema = what.requestBody.content["application/json"].schema;
        body = labelled(form, element("textarea", undefined, { rows: 6, spellcheck: "false" }), id("body"), "Body");
        body.value = JSON.stringify(sample(schema), null, 1);
        const description = element("details");
        description.append(element("summary", "What a body is"), element("pre", JSON.stringify(schema, null, 1), { tabindex: 0, "aria-label": "Schema of the body" }));
        form.append(description);
    }
    form.append(element("button", "Send", { "aria-label": `Send ${method} ${route}` }));
    // The same request sent again has the same Idempotency-Key, and is not done twice; changed, it is another one.
    for (const event of ["input", "change"]) form.addEventListener(event, ({ target }) => {
        for (const { parameter, field } of fields) if (parameter.in === "header" && field !== target) field.value = fresh();
    });
    form.addEventListener("submit", async event => {
        event.preventDefault();
        try {
            await send(method, route, fields, body, answer);
            $("message").textContent = "";
        } catch { $("message").textContent = "The broker does not answer."; }
    });
    whole.append(heading, form, answer);
    return whole;
}

async function show() {
    const got = await fetch("/openapi.json"), api = await got.json();
    let number = 0;
    for (const [route, methods] of Object.entries(api.paths))
        for (const [method, what] of Object.entries(methods)) $("operations").append(operation(method.toUpperCase(), route, what, number++));
}

$("enter").addEventListener("submit", event => event.preventDefault());
show().catch(() => { $("message").textContent = "The broker does not answer."; });
