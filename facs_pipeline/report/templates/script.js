"use strict";
(() => {
  const clean = (text) => text.replace(/\s+/g, " ").trim();

  // ------------------------------------------------------------------ tables: sorting, copying, downloading
  const keyOf = (row, column) => {
    const cell = row.cells[column];
    const key = cell.dataset.sort ?? clean(cell.textContent);
    return key === "" ? null : (isNaN(Number(key)) ? key : Number(key));
  };
  const compare = (a, b) => {
    if (typeof a === "number" && typeof b === "number") return a - b;
    if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
    return a < b ? -1 : a > b ? 1 : 0;
  };
  const sort = (button) => {
    const head = button.closest("th"), table = head.closest("table"), body = table.tBodies[0];
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const rows = [...body.rows].map((row, index) => ({ row, index, key: keyOf(row, head.cellIndex) }));
    // Empty cells stay last in both directions.
    rows.sort((a, b) => (a.key === null) - (b.key === null) || (a.key === null ? 0 : compare(a.key, b.key) * (down ? -1 : 1)) || a.index - b.index);
    body.append(...rows.map((entry) => entry.row));
  };

  const cellsOf = (table) => [...table.rows].map((row) => [...row.cells].map((cell) => clean(cell.textContent)));
  const formats = {
    csv: (rows) => rows.map((row) => row.map((text) => {
      // A spreadsheet would run text that begins like a formula.
      const safe = /^[=+\-@\t]/.test(text) && isNaN(Number(text.replace(/ %$/, ""))) ? "'" + text : text;
      return /[",\n]/.test(safe) ? '"' + safe.replaceAll('"', '""') + '"' : safe;
    }).join(",")).join("\n") + "\n",
    latex: (rows) => {
      const special = { "\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}", "β": "$\\beta$", "–": "--" };
      const line = (row) => "  " + row.map((text) => text.replace(/[\\~^β–]|[&%$#_{}]/g, (c) => special[c] ?? "\\" + c)).join(" & ") + " \\\\";
      return "\\begin{tabular}{" + "l".repeat(rows[0].length) + "}\n  \\hline\n" + line(rows[0]) + "\n  \\hline\n" + rows.slice(1).map(line).join("\n") + "\n  \\hline\n\\end{tabular}\n";
    },
    markdown: (rows) => {
      const line = (row) => "| " + row.map((text) => text.replace(/[\\|<>*_`[\]]/g, (c) => "\\" + c)).join(" | ") + " |";
      return [line(rows[0]), "|" + " --- |".repeat(rows[0].length), ...rows.slice(1).map(line)].join("\n") + "\n";
    },
  };
  const endings = { csv: "csv", latex: "tex", markdown: "md" };
  const copy = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      const done = document.execCommand("copy");
      area.remove();
      return done;
    }
  };
  const save = (text, name) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/plain;charset=utf-8" }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.closest("th")) sort(button);
    const { format, action } = button.dataset;
    if (!format) return;
    const table = document.getElementById(button.parentElement.dataset.table);
    const text = formats[format](cellsOf(table)), said = button.parentElement.querySelector("output");
    if (action === "copy") said.textContent = (await copy(text)) ? "Copied." : "Copying is not allowed here; download instead.";
    else save(text, table.id + "." + endings[format]);
  });

  // ------------------------------------------------------------------ filter: by verdict, name and reason
  for (const filter of document.querySelectorAll(".filter")) {
    const table = document.getElementById(filter.dataset.filter), said = filter.querySelector("output");
    const apply = () => {
      const wanted = new Set([...filter.querySelectorAll("input:checked")].map((box) => box.value));
      const words = filter.querySelector("input[type=search]").value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const row of table.tBodies[0].rows) {
        const text = clean(row.textContent).toLowerCase();
        row.hidden = !wanted.has(row.dataset.verdict) || !words.every((word) => text.includes(word));
        shown += !row.hidden;
      }
      said.textContent = shown + " of " + table.tBodies[0].rows.length + " shown";
    };
    filter.addEventListener("input", apply);
  }

  // ------------------------------------------------------------------ print: nothing stays folded away
  addEventListener("beforeprint", () => {
    for (const part of document.querySelectorAll("details:not([open]):not(.export):not(.figures)")) {
      part.dataset.folded = "1";
      part.open = true;
    }
  });
  addEventListener("afterprint", () => {
    for (const part of document.querySelectorAll("details[data-folded]")) {
      delete part.dataset.folded;
      part.open = false;
    }
  });

  // ------------------------------------------------------------------ curves: the picture under the pointer
  const stripOf = (id) => document.querySelector(`#${id} .strip`);
  const firstOf = (id) => Number((document.querySelector(`#${id} svg.lanes`) ?? document.getElementById(id))?.dataset.first ?? 0);
  const nearest = (items, time) => {
    let best = null;
    for (const item of items) {
      if (!best || Math.abs(item.dataset.time - time) < Math.abs(best.dataset.time - time)) best = item;
    }
    return best;
  };
  const show = (plot, share, y) => {
    const chart = plot.querySelector("svg.lanes"), peek = plot.querySelector(".peek"), cursor = chart.querySelector(".cursor");
    const first = Number(chart.dataset.first), time = first + share * (Number(chart.dataset.last) - first);
    plot.dataset.share = share;
    for (const end of ["x1", "x2"]) cursor.setAttribute(end, (100 * share).toFixed(3) + "%");
    peek.replaceChildren();
    const taken = [];
    for (const id of plot.dataset.strips.split(" ").filter(Boolean)) {
      const strip = stripOf(id);
      if (!strip) continue;
      const first = plot.dataset.pair ? firstOf(id) : 0;
      const near = nearest(strip.children, time + first), seen = nearest(strip.querySelectorAll("li:not(.film)"), time + first);
      for (const item of strip.children) item.classList.toggle("near", item === seen);
      if (!near) continue;
      peek.append(near.querySelector("img").cloneNode());
      taken.push((near.dataset.time - first).toFixed(2) + " s");
    }
    const text = document.createElement("div"), pictures = document.createElement("small");
    text.textContent = time.toFixed(2) + " s";
    pictures.textContent = taken.length ? "picture: " + taken.join(", ") : "";
    peek.append(text, pictures);
    peek.hidden = false;
    const x = share * plot.clientWidth, width = peek.offsetWidth;
    peek.style.left = Math.max(0, x + 14 + width < plot.clientWidth ? x + 14 : x - width - 14) + "px";
    // Beside the pointer, or with the keyboard at the top, and always where the window shows it.
    const box = plot.getBoundingClientRect(), lowest = Math.min(plot.clientHeight, innerHeight - box.top) - peek.offsetHeight - 4;
    peek.style.top = Math.max(4 - Math.min(0, box.top), Math.min(y ?? 4, lowest)) + "px";
  };
  const hide = (plot) => {
    plot.querySelector(".peek").hidden = true;
    for (const end of ["x1", "x2"]) plot.querySelector(".cursor").setAttribute(end, "-9");
    for (const item of document.querySelectorAll("li.near")) item.classList.remove("near");
  };
  for (const plot of document.querySelectorAll(".plot")) {
    plot.addEventListener("pointermove", (event) => {
      const box = plot.getBoundingClientRect();
      show(plot, Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)), event.clientY - box.top + 14);
    });
    plot.addEventListener("pointerleave", () => hide(plot));
    plot.addEventListener("blur", () => hide(plot));
    plot.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -0.02, ArrowRight: 0.02, Home: -1, End: 1 }[event.key];
      if (event.key === "Escape") hide(plot);
      if (!step) return;
      event.preventDefault();
      show(plot, Math.min(1, Math.max(0, Number(plot.dataset.share ?? 0) + step)));
    });
  }
})();
