"use strict";
// Shows what facs live measures, and sends what is pressed. It speaks with the server that gave it, with nobody else.

const $ = (id) => document.getElementById(id);
const PAST_S = 30;
const COLOURS = ["--c0", "--c1", "--c2", "--c3", "--c4", "--c5"];
const FIRST_CURVES = [12, 6, 4, 1, 25, 45];
// Lines of the 68 landmarks: jaw, brows, nose, eyes, lips.
const LINES = [[0, 16], [17, 21], [22, 26], [27, 30], [31, 35], [36, 41, true], [42, 47, true], [48, 59, true], [60, 67, true]];

let socket = null;
let hello = null;
let chosen = null;            // the face whose values are shown
let latest = null;            // the last frame's values
let over = false;
let curves = new Set(FIRST_CURVES);
const past = new Map();       // face -> [{t, values}]
const marks = [];
const rows = new Map();       // AU -> elements of its bar

// --------------------------------------------------------------------------------------------------------- connection

function connect() {
  socket = new WebSocket(new URL("ws", location.href).href.replace(/^http/, "ws"));
  socket.binaryType = "arraybuffer";
  socket.onmessage = (event) => (typeof event.data === "string" ? told(JSON.parse(event.data)) : shown(event.data));
  socket.onclose = (event) => {
    // The second: the server ended before it could say so.
    over = event.code === 4000 || event.code === 1012;
    say(over ? "The session has ended." : "The connection is lost; trying again.", true);
    if (!over) setTimeout(connect, 1000);
  };
}

function ask(what) {
  if (socket && socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(what));
}

function told(message) {
  if (message.hello) {
    hello = message;
    $("source").textContent = hello.source;
    document.title = `facs live: ${hello.source}`;
    $("record").hidden = !hello.can_record;
    curves = new Set(FIRST_CURVES.filter((au) => hello.aus.some((one) => one.au === au)));
    buildBars();
    say("connected");
    if (hello.browser_camera) startCamera();
    return;
  }
  recording(message.recording);
  if (message.notice) say(message.notice, true);
}

function say(text, bad = false) {
  if ($("state").textContent !== text) $("state").textContent = text;
  $("state").classList.toggle("bad", bad);
}

// -------------------------------------------------------------------------------------------------------------- frames

async function shown(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const values = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const picture = await createImageBitmap(new Blob([new Uint8Array(buffer, 4 + length)], { type: "image/jpeg" }));
  // Pictures are decoded beside each other: one that comes after the end, or after a later one, is too late.
  if (over || (latest && values.frame < latest.frame && values.time_s < latest.time_s)) return;
  latest = values;
  $("empty").hidden = true;
  remember(values);
  drawPicture(values, picture);
  picture.close();
  update(values);
}

function remember(values) {
  for (const face of values.faces) {
    if (!past.has(face.face_id)) past.set(face.face_id, []);
    past.get(face.face_id).push({ t: values.time_s, face });
  }
  for (const [id, points] of past) {
    while (points.length && points[0].t < values.time_s - PAST_S) points.shift();
    if (!points.length) past.delete(id);
  }
  for (const mark of values.marks) marks.push(mark);
}

const face = () => latest && (latest.faces.find((one) => one.face_id === chosen) || null);

function update(values) {
  if (values.faces.length && !values.faces.some((one) => one.face_id === chosen)) {
    // Somebody who is hidden for a moment stays chosen as long as the curves know of them.
    if (chosen === null || !past.has(chosen)) chosen = values.faces[0].face_id;
  }
  const n = values.faces.length;
  say(values.notice || (n === 0 ? "no face" : n === 1 ? "1 face" : `${n} faces`), Boolean(values.notice));
  recording(values.recording);
  $("rate").textContent = values.frames_per_s.toFixed(0);
  $("delay").textContent = `${values.delay_ms.toFixed(0)} ms`;
  $("dropped").textContent = values.dropped;
  $("core").textContent = `${(100 * values.share_of_core).toFixed(0)} %`;
  faceButtons(values);
  person(face());
}

function recording(on) {
  $("record").setAttribute("aria-pressed", String(Boolean(on)));
  $("record-text").textContent = on ? "Recording" : "Record";
}

function faceButtons(values) {
  const ids = [...past.keys()].sort((a, b) => a - b);
  const box = $("faces");
  if (ids.length < 2) { box.replaceChildren(); return; }
  if ([...box.children].map((one) => one.dataset.id).join() !== ids.join()) {
    box.replaceChildren(...ids.map((id) => {
      const button = document.createElement("button");
      button.type = "button";
      button.dataset.id = id;
      button.setAttribute("role", "tab");
      button.textContent = `Face ${id}`;
      button.onclick = () => { chosen = id; };
      return button;
    }));
  }
  for (const button of box.children) button.setAttribute("aria-selected", String(Number(button.dataset.id) === chosen));
}

function person(one) {
  const put = (id, text, low = false) => { $(id).textContent = text; $(id).classList.toggle("low", low); };
  const share = (value) => (value === null || value === undefined ? "–" : `${(100 * value).toFixed(0)} %`);
  if (!one) {
    for (const id of ["eyes", "upper", "lower", "occluded"]) put(id, "–");
  } else {
    put("blinks", one.blinks);
    put("blink-rate", one.blinks_per_minute === null ? "–" : one.blinks_per_minute.toFixed(0));
    put("eyes", one.AU43_c ? `closed ${one.eyes_closed_s.toFixed(0)} s` : one.AU45_c ? "closing" : "open");
    put("upper", share(one.confidence_upper), one.confidence_upper < 0.5);
    put("lower", share(one.confidence_lower), one.confidence_lower < 0.5);
    put("occluded", one.occluded === "no" ? "nothing" : one.occluded, one.occluded !== "no");
  }
  $("baseline").textContent = one && one.neutral ? "above the resting face" : "";
  $("neutral").setAttribute("aria-pressed", String(Boolean(one && one.neutral)));
  for (const [au, row] of rows) {
    const name = `AU${String(au).padStart(2, "0")}`;
    const value = one ? one[`${name}_r`] : null;
    const sides = row.right ? [one && one[`${name}L_r`], one && one[`${name}R_r`]] : [value];
    row.bar.classList.toggle("unknown", value === null || value === undefined);
    row.left.style.transform = `scaleX(${Math.min(1, (sides[0] || 0) / 5)})`;
    if (row.right) row.right.style.transform = `scaleX(${Math.min(1, (sides[1] || 0) / 5)})`;
    row.value.textContent = value === null || value === undefined ? "–" : value.toFixed(1);
  }
  $("emotions").hidden = !hello || !hello.emotions.length;
  if (hello) hello.emotions.forEach((emotion, k) => {
    const row = emotionRows[k];
    const value = one ? one[`emotion_${emotion}`] : null;
    row.left.style.transform = `scaleX(${value || 0})`;
    row.value.textContent = value === null || value === undefined ? "–" : `${(100 * value).toFixed(0)} %`;
  });
}

// ---------------------------------------------------------------------------------------------------------------- bars

let emotionRows = [];

function element(kind, name, text = "") {
  const one = document.createElement(kind);
  one.className = name;
  one.textContent = text;
  return one;
}

function bar(label, two) {
  const row = { bar: element("div", "bar"), left: element("div", two ? "track half" : "track"), value: element("output", "") };
  const tracks = element("div", "tracks");
  tracks.append(row.left);
  if (two) { row.right = element("div", "track half right"); tracks.append(row.right); }
  row.bar.append(label, tracks, row.value);
  return row;
}

function buildBars() {
  rows.clear();
  for (const { au, name, sided } of hello.aus) {
    const button = element("button", "", `${au} ${name}`);
    button.type = "button";
    button.title = `AU${au} ${name}: show or hide its curve`;
    button.setAttribute("aria-pressed", String(curves.has(au)));
    button.onclick = () => {
      if (curves.has(au)) curves.delete(au); else if (curves.size < COLOURS.length) curves.add(au);
      button.setAttribute("aria-pressed", String(curves.has(au)));
    };
    rows.set(au, bar(button, sided));
  }
  $("au-bars").replaceChildren(...[...rows.values()].map((row) => row.bar));
  emotionRows = hello.emotions.map((emotion) => bar(element("span", "name", emotion), false));
  $("emotion-bars").replaceChildren(...emotionRows.map((row) => row.bar));
}

// ------------------------------------------------------------------------------------------------------------- drawing

function drawPicture(values, picture) {
  const canvas = $("picture");
  if (canvas.width !== values.width || canvas.height !== values.height) {
    canvas.width = values.width;
    canvas.height = values.height;
    canvas.parentElement.style.aspectRatio = `${values.width} / ${values.height}`;
  }
  const pen = canvas.getContext("2d");
  const mirror = $("mirror").checked;
  const x = (value) => (mirror ? values.width - value : value);
  pen.save();
  if (mirror) { pen.translate(values.width, 0); pen.scale(-1, 1); }
  pen.drawImage(picture, 0, 0, values.width, values.height);
  pen.restore();
  const unit = Math.max(values.width, values.height) / 640;
  pen.lineJoin = pen.lineCap = "round";
  pen.font = `600 ${15 * unit}px system-ui, sans-serif`;
  for (const one of values.faces) drawFace(pen, one, x, unit, one.face_id === chosen || values.faces.length === 1);
}

function drawFace(pen, one, x, unit, main) {
  const [left, top, width, height] = one.box;
  const colour = one.confidence !== null && one.confidence < 0.5 ? "#ffab7a" : main ? "#7cc0ff" : "#cfd6dd";
  pen.strokeStyle = colour;
  pen.lineWidth = 1.5 * unit;
  const corner = Math.min(x(left), x(left + width));
  pen.strokeRect(corner, top, width, height);
  if ($("show-points").checked) {
    pen.strokeStyle = "rgba(255, 255, 255, 0.75)";
    pen.lineWidth = unit;
    for (const [first, last, closed] of LINES) {
      pen.beginPath();
      for (let k = first; k <= last; k++) pen.lineTo(x(one.points[k][0]), one.points[k][1]);
      if (closed) pen.closePath();
      pen.stroke();
    }
  }
  if ($("show-axes").checked) drawDirections(pen, one, x, unit, width);
  const words = [hello.aus.length && one.emotion ? one.emotion : "", past.size > 1 ? `face ${one.face_id}` : ""];
  const text = words.filter(Boolean).join(", ");
  if (text) {
    const wide = pen.measureText(text).width + 12 * unit;
    pen.fillStyle = "rgba(20, 23, 26, 0.75)";
    pen.fillRect(corner, top - 24 * unit, wide, 22 * unit);
    pen.fillStyle = "#fff";
    pen.fillText(text, corner + 6 * unit, top - 8 * unit);
  }
}

function arrow(pen, x, fromX, fromY, toX, toY, unit) {
  const [ax, bx] = [x(fromX), x(toX)];
  const angle = Math.atan2(toY - fromY, bx - ax);
  pen.beginPath();
  pen.moveTo(ax, fromY);
  pen.lineTo(bx, toY);
  if (Math.hypot(bx - ax, toY - fromY) > 6 * unit) {
    for (const turn of [2.6, -2.6]) {
      pen.moveTo(bx, toY);
      pen.lineTo(bx + 7 * unit * Math.cos(angle + turn), toY + 7 * unit * Math.sin(angle + turn));
    }
  }
  pen.stroke();
}

function drawDirections(pen, one, x, unit, width) {
  const middle = (first, last) => {
    const part = one.points.slice(first, last + 1);
    return [0, 1].map((axis) => part.reduce((sum, point) => sum + point[axis], 0) / part.length);
  };
  pen.lineWidth = 2.5 * unit;
  if (one.pose_Rx !== null) {
    // As for gaze: to the person's own left, which is the picture's right, and down.
    const [noseX, noseY] = one.points[30];
    pen.strokeStyle = "#2fc79a";
    arrow(pen, x, noseX, noseY, noseX - 0.6 * width * Math.sin(one.pose_Ry), noseY + 0.6 * width * Math.sin(one.pose_Rx), unit);
  }
  if (one.gaze_angle_x !== null) {
    pen.strokeStyle = "#ffcf5a";
    for (const [first, last] of [[36, 41], [42, 47]]) {
      const [eyeX, eyeY] = middle(first, last);
      arrow(pen, x, eyeX, eyeY, eyeX + 0.5 * width * Math.sin(one.gaze_angle_x), eyeY + 0.5 * width * Math.sin(one.gaze_angle_y), unit);
    }
  }
}

function drawCurves() {
  const canvas = $("curves");
  const scale = window.devicePixelRatio || 1;
  const [wide, high] = [canvas.clientWidth, canvas.clientHeight];
  if (canvas.width !== Math.round(wide * scale)) { canvas.width = Math.round(wide * scale); canvas.height = Math.round(high * scale); }
  const pen = canvas.getContext("2d");
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name);
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, wide, high);
  const [edge, foot] = [26, 20];
  const now = latest ? latest.time_s : 0;
  const atX = (t) => edge + (wide - edge - 8) * (1 - (now - t) / PAST_S);
  const atY = (value) => high - foot - ((high - foot - 10) * value) / 5;
  pen.font = "12px system-ui, sans-serif";
  pen.lineWidth = 1;
  for (let level = 0; level <= 5; level++) {
    pen.strokeStyle = colour("--line");
    pen.beginPath(); pen.moveTo(edge, atY(level)); pen.lineTo(wide - 8, atY(level)); pen.stroke();
    pen.fillStyle = colour("--soft");
    pen.fillText(String(level), 10, atY(level) + 4);
  }
  for (let back = 0; back <= PAST_S; back += 10) {
    pen.textAlign = back === 0 ? "right" : back === PAST_S ? "left" : "center";
    pen.fillText(back ? `${back} s ago` : "now", atX(now - back), high - 5);
  }
  pen.textAlign = "left";
  for (const mark of marks) {
    if (mark.time_s < now - PAST_S) continue;
    pen.strokeStyle = colour("--soft");
    pen.setLineDash([4, 3]);
    pen.beginPath(); pen.moveTo(atX(mark.time_s), 8); pen.lineTo(atX(mark.time_s), high - foot); pen.stroke();
    pen.setLineDash([]);
    pen.fillText(mark.label, atX(mark.time_s) + 4, 16);
  }
  const points = past.get(chosen) || [];
  const legend = [];
  [...curves].forEach((au, k) => {
    const name = `AU${String(au).padStart(2, "0")}_r`;
    pen.strokeStyle = colour(COLOURS[k]);
    pen.lineWidth = 2;
    pen.beginPath();
    let before = null;
    for (const { t, face: one } of points) {
      const value = one[name];
      if (value === null || value === undefined) { before = null; continue; }
      // A gap is shown as one.
      if (before === null || t - before > 0.5) pen.moveTo(atX(t), atY(value)); else pen.lineTo(atX(t), atY(value));
      before = t;
    }
    pen.stroke();
    legend.push([au, COLOURS[k]]);
  });
  drawLegend(legend);
}

function drawLegend(entries) {
  const box = $("legend");
  const text = entries.map(([au]) => au).join();
  if (box.dataset.text === text) return;
  box.dataset.text = text;
  box.replaceChildren(...entries.map(([au, colour]) => {
    const one = element("span", "");
    const patch = element("i", "");
    patch.style.background = `var(${colour})`;
    one.append(patch, `AU${au} ${hello.aus.find((known) => known.au === au).name}`);
    return one;
  }));
}

let drawn = -1;
function tick() {
  if (latest && latest.frame !== drawn) { drawn = latest.frame; drawCurves(); }
  requestAnimationFrame(tick);
}

// ------------------------------------------------------------------------------------------------- the browser's camera

async function startCamera() {
  const problem = (why) => { say(`camera: ${why}`, true); ask({ do: "camera_problem", why }); };
  if (!navigator.mediaDevices) { problem("this browser gives no camera to this address"); return; }
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480, frameRate: 30 }, audio: false });
  } catch (error) {
    problem(error.name === "NotAllowedError" ? "you have not allowed it" : `${error.name}: ${error.message}`);
    return;
  }
  const video = document.createElement("video");
  video.muted = video.playsInline = true;
  video.srcObject = stream;
  await video.play();
  stream.getVideoTracks()[0].onended = () => problem("it has gone");
  const canvas = document.createElement("canvas");
  const pen = canvas.getContext("2d");
  const began = performance.now();
  let busy = false;
  const take = () => {
    if (over || !stream.active) return;
    // What is not sent yet is not added to: pictures are dropped, never queued.
    if (!busy && socket.readyState === WebSocket.OPEN && socket.bufferedAmount < 200000 && video.videoWidth) {
      busy = true;
      const time = (performance.now() - began) / 1000;
      canvas.width = video.videoWidth;
      canvas.height = video.videoHeight;
      pen.drawImage(video, 0, 0);
      canvas.toBlob(async (blob) => {
        const message = new Uint8Array(8 + blob.size);
        new DataView(message.buffer).setFloat64(0, time, true);
        message.set(new Uint8Array(await blob.arrayBuffer()), 8);
        if (socket.readyState === WebSocket.OPEN) socket.send(message);
        busy = false;
      }, "image/jpeg", 0.92);
    }
  };
  // Pictures go on where the page is in the background, too.
  if (video.requestVideoFrameCallback) {
    const each = () => { take(); video.requestVideoFrameCallback(each); };
    video.requestVideoFrameCallback(each);
  } else setInterval(take, 33);
}

// ------------------------------------------------------------------------------------------------------------- pressing

function setMark() {
  const label = $("label").value.trim() || "mark";
  ask({ do: "mark", label });
  $("marked").prepend(element("li", "", `${latest ? latest.time_s.toFixed(1) : "0"} s ${label}`));
  while ($("marked").children.length > 12) $("marked").lastChild.remove();
  $("label").value = "";
}

const isOn = (id) => $(id).getAttribute("aria-pressed") === "true";
const toggleRecording = () => { if (hello && hello.can_record) ask({ do: "record", on: !isOn("record") }); };
const toggleNeutral = () => ask({ do: isOn("neutral") ? "clear_neutral" : "neutral" });
const toggleTheme = () => { document.documentElement.classList.toggle("dark"); drawn = -1; };

$("record").onclick = toggleRecording;
$("neutral").onclick = toggleNeutral;
$("theme").onclick = toggleTheme;
$("marks").onsubmit = (event) => { event.preventDefault(); setMark(); };
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input:not([type=checkbox])")) return;
  const key = event.key.toLowerCase();
  const does = { r: toggleRecording, n: toggleNeutral, m: setMark, d: toggleTheme }[key];
  if (does) { event.preventDefault(); does(); }
  if (/^[1-9]$/.test(key)) {
    const ids = [...past.keys()].sort((a, b) => a - b);
    if (ids[key - 1] !== undefined) chosen = ids[key - 1];
  }
});
$("picture").addEventListener("click", (event) => {
  if (!latest) return;
  const area = $("picture").getBoundingClientRect();
  const across = ((event.clientX - area.left) / area.width) * latest.width;
  const x = $("mirror").checked ? latest.width - across : across;
  const y = ((event.clientY - area.top) / area.height) * latest.height;
  const hit = latest.faces.find(({ box: [left, top, wide, high] }) => x >= left && x <= left + wide && y >= top && y <= top + high);
  if (hit) chosen = hit.face_id;
});
document.documentElement.classList.toggle("dark", matchMedia("(prefers-color-scheme: dark)").matches);
new ResizeObserver(() => { drawn = -1; }).observe($("curves"));
connect();
tick();
