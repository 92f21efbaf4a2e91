"use strict";
// The broker's page for customers: asks the API (docs/broker.md) with the key that was typed, and shows what it says.
const $ = id => document.getElementById(id);
const interval = 5000, samples = [], longest = 120;
let timer = 0, next = 0;

// What has to outlive the tab: keys of writes without an answer, and bought tokens that their node has not taken.
const kept = {
    read: name => JSON.parse(localStorage.getItem(name) || "null"),
    write: (name, value) => value === null ? localStorage.removeItem(name) : localStorage.setItem(name, JSON.stringify(value)),
};

function element(name, text, attributes) {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    for (const [attribute, value] of Object.entries(attributes || {})) made.setAttribute(attribute, value);
    return made;
}

function cells(row, ...contents) {
    for (const content of contents) {
        const isCell = content instanceof HTMLTableCellElement, cell = isCell ? content : element("td");
        if (!isCell) cell.append(content);
        row.append(cell);
    }
    return row;
}

const amount = number => number.toLocaleString("en");
const numeric = number => element("td", number === null ? "–" : amount(number), { class: "number" });

function span(seconds) {
    if (seconds === null) return "–";
    const days = Math.floor(seconds / 86400), hours = Math.floor(seconds / 3600) % 24, minutes = Math.floor(seconds / 60) % 60;
    return days ? `${days} d ${hours} h` : hours ? `${hours} h ${minutes} min` : minutes ? `${minutes} min ${seconds % 60} s` : `${seconds} s`;
}

// A write has a key of its own, and the same one again as long as nobody has answered; what is to be kept of the answer is kept before the key is forgotten.
async function ask(path, body, keep) {
    const headers = { Authorization: `Bearer ${sessionStorage.getItem("key")}` };
    const what = `write ${path} ${JSON.stringify(body)}`;
    if (body !== undefined) {
        if (!kept.read(what)) kept.write(what, Array.from(crypto.getRandomValues(new Uint8Array(16)), byte => byte.toString(16).padStart(2, "0")).join(""));
        headers["Content-Type"] = "application/json";
        headers["Idempotency-Key"] = kept.read(what);
    }
    const answer = await fetch(path, { method: body === undefined ? "GET" : "POST", headers, body: body === undefined ? undefined : JSON.stringify(body) });
    const said = await answer.json();
    if (answer.ok && keep) keep(said);
    if (body !== undefined && answer.status < 500 && answer.status !== 429 && answer.status !== 401) kept.write(what, null);
    if (!answer.ok) throw Object.assign(new Error(said.detail), { status: answer.status });
    return said;
}

function complain(failure) {
    $("message").textContent = failure ? failure.message || "The broker does not answer." : "";
}

async function all(path) {
    const items = [];
    for (let after = 0; after !== null && after !== undefined;) {
        const page = await ask(`${path}?limit=500&after=${after}`);
        items.push(...page.items);
        after = page.next;
    }
    return items;
}

async function machine(view) {
    try {
        return { view, account: await ask(`/v1/machines/${view.id}/account`) };
    } catch (failure) {
        return { view, account: null, why: failure.message };
    }
}

function resupply(view) {
    const form = element("form"), field = element("input", undefined, { type: "number", min: 1, max: 10000000, value: 10, required: "", "aria-label": `Tokens for machine ${view.id}` });
    form.append(field, element("button", "Pay", { "aria-label": `Pay tokens for machine ${view.id}` }));
    form.addEventListener("submit", async event => {
        event.preventDefault();
        const bought = `tokens of ${view.name}`;
        try {
            // What was bought before and has not come to the node goes there first, and no more is bought then.
            if (!kept.read(bought)) await ask(`/v1/machines/${view.id}/tokens`, { tokens: Number(field.value) }, sold => kept.write(bought, sold.pings));
            const taken = await ask(`/v1/machines/${view.id}/pings`, { pings: kept.read(bought) });
            if (!taken.refused) kept.write(bought, null);
            complain(taken.refused ? new Error(`Machine ${view.id}: ${taken.refused} The tokens are kept.`) : null);
        } catch (failure) { complain(failure); }
        await refresh().catch(complain);
    });
    return form;
}

function showMachines(found) {
    const body = $("machines").tBodies[0], active = document.activeElement && document.activeElement.getAttribute("aria-label");
    const typed = new Map(Array.from(body.querySelectorAll("input"), field => [field.getAttribute("aria-label"), field.value]));
    body.replaceChildren();
    for (const { view, account, why } of found) {
        const row = element("tr");
        row.append(element("th", `${view.id}, ${view.plan}, ${view.guests.join(" ") || view.boot_address}`, { scope: "row" }));
        const left = element("td", account ? span(account.seconds_left) : "–");
        if (account && account.state !== "running") left.className = "low";
        cells(row, view.node, account ? account.state : why, numeric(account && account.unused), numeric(account && account.rate), left, resupply(view));
        body.append(row);
    }
    for (const field of body.querySelectorAll("input")) if (typed.has(field.getAttribute("aria-label"))) field.value = typed.get(field.getAttribute("aria-label"));
    // Who typed there goes on there.
    if (active) { const again = body.querySelector(`[aria-label="${CSS.escape(active)}"]`); if (again) again.focus(); }
    document.querySelector(".none").hidden = found.length > 0;
}

function draw(rate) {
    samples.push(rate);
    if (samples.length > longest) samples.shift();
    const top = Math.max(1, ...samples) * 1.1, points = samples.map((value, i) => `${(600 * i / Math.max(1, samples.length - 1)).toFixed(1)},${(195 - 190 * value / top).toFixed(1)}`);
    const line = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
    line.setAttribute("points", points.join(" "));
    $("chart").replaceChildren(line);
    $("chart-text").textContent = `Units a second of all machines, since this page was opened: ${amount(rate)} now, ${amount(Math.max(...samples))} at most.`;
}

function showNodes(nodes) {
    const body = $("nodes").tBodies[0], chosen = $("node").value;
    body.replaceChildren();
    $("node").replaceChildren(element("option", "whichever has room", { value: "" }));
    const load = (used, of, unit) => {
        const cell = element("td", `${amount(used)} of ${amount(of)}${unit} `);
        cell.append(element("meter", undefined, { min: 0, max: of, value: used, "aria-label": `${amount(used)} of ${amount(of)}${unit} used` }));
        return cell;
    };
    for (const node of nodes) {
        const row = element("tr");
        row.append(element("th", node.name, { scope: "row" }));
        cells(row, node.address, load(node.used_machines, node.machines, ""), load(node.used_memory_mib, node.memory_mib, " MiB"),
            node.cpu_percent ? load(node.used_cpu_percent, node.cpu_percent, " %") : "–", node.min_cpu_percent < 100 ? `${node.min_cpu_percent} %` : "whole processors",
            `${amount(node.prices.existence)}, ${amount(node.prices.memory)} a MiB and ${amount(node.prices.share)} a % of a processor`);
        body.append(row);
        if (node.enabled) $("node").append(element("option", node.name, { value: node.name }));
    }
    $("node").value = chosen;
}

async function ledger() {
    const page = await ask(`/v1/entries?limit=100&after=${next}`);
    for (const entry of page.items) {
        const row = element("tr");
        row.append(element("th", new Date(entry.at * 1000).toLocaleString("en-GB"), { scope: "row" }));
        cells(row, entry.reference ? `${entry.kind}, ${entry.reference}` : entry.kind, numeric(entry.amount), numeric(entry.balance));
        $("ledger").tBodies[0].append(row);
        next = entry.id;
    }
    $("more").hidden = !page.next;
}

async function refresh() {
    const [balance, nodes, machines] = await Promise.all([ask("/v1/balance"), all("/v1/nodes"), all("/v1/machines")]);
    $("balance").textContent = `${amount(balance.balance)} units`;
    const found = await Promise.all(machines.filter(view => !view.closed).map(machine));
    showMachines(found);
    showNodes(nodes);
    draw(found.reduce((sum, { account }) => sum + (account && account.state !== "ended" ? account.rate : 0), 0));
    if ($("more").hidden) await ledger();
}

async function enter() {
    try {
        const plans = await all("/v1/plans");
        $("plan").replaceChildren(...plans.map(plan => element("option", `${plan.name}: ${plan.memory_mib} MiB, ${plan.cpu_percent} % of a processor, a token is ${amount(plan.token_value)} units`, { value: plan.name })));
        await refresh();
        $("enter").hidden = true;
        $("account").hidden = $("leave").hidden = false;
        complain(null);
        timer = setInterval(() => refresh().catch(complain), interval);
    } catch (failure) {
        if (failure.status === 401) sessionStorage.removeItem("key");
        complain(failure);
    }
}

$("enter").addEventListener("submit", event => {
    event.preventDefault();
    sessionStorage.setItem("key", $("key").value.trim());
    $("key").value = "";
    enter().then(() => { if (!$("account").hidden) $("main").focus(); });
});

$("leave").addEventListener("click", () => {
    clearInterval(timer);
    sessionStorage.removeItem("key");
    location.reload();
});

$("more").addEventListener("click", () => ledger().catch(complain));

$("buy").addEventListener("submit", async event => {
    event.preventDefault();
    const wanted = { plan: $("plan").value, tokens: Number($("tokens").value), loader: $("loader").value.toLowerCase() };
    if ($("node").value) wanted.node = $("node").value;
    try {
        const bought = await ask("/v1/machines", wanted), file = `machine-${bought.machine.id}.json`;
        $("bought").replaceChildren(element("p", `Machine ${bought.machine.id} on ${bought.machine.node}, for ${amount(bought.amount)} units. These secrets are shown this once: keep them.`));
        const link = element("a", `Save ${file}`, { download: file, href: `data:application/json,${encodeURIComponent(JSON.stringify(bought, null, 1))}` });
        $("bought").append(link, element("pre", `boot token ${bought.boot_token}\nmachine key ${bought.machine_key}\nrefund secret ${bought.refund_secret}`));
        $("bought").focus();
        complain(null);
        await refresh();
    } catch (failure) { complain(failure); }
});

if (sessionStorage.getItem("key")) enter();
