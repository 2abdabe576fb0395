"use strict";
// Draws the charts of the report, and keeps them in step with the legend's buttons, the theme and the keyboard.
(() => {
  document.getElementById("scriptless").remove();
  const charts = JSON.parse(document.getElementById("charts").textContent);
  const root = document.documentElement;
  const hidden = new Set();
  const state = { seeds: new Set(), logarithmic: new Set() };
  const drawn = new Set();
  const coarse = matchMedia("(pointer: coarse)").matches;
  const quoteDashes = ["dot", "dashdot", "longdash", "longdashdot", "5px,2px"];
  const quoteSymbols = ["circle-open", "square-open", "diamond-open", "triangle-up-open", "x-thin-open"];
  const lineDashes = { solid: "", dash: "6 4", dot: "2 4", dashdot: "6 3 2 3", longdash: "9 4", longdashdot: "9 3 2 3" };

  const variable = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const channels = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  const rgba = (hex, alpha) => `rgba(${channels(hex).join(",")},${alpha})`;

  function colourOf([kind, place]) {
    if (kind === "quote") return variable("--quiet");
    if (kind !== "cell") return variable(`--${kind}-${place}`);
    const lower = place < 0.5 ? 0 : 1;
    const [from, to] = [lower, lower + 1].map((stop) => channels(variable(`--cell-${stop}`)));
    const part = 2 * place - lower;
    const mixed = from.map((value, at) => Math.round(value + part * (to[at] - value)));
    return "#" + mixed.map((value) => value.toString(16).padStart(2, "0")).join("");
  }

  // The theme: the system's, until somebody presses the button.
  const system = matchMedia("(prefers-color-scheme: dark)");
  const button = document.getElementById("theme");
  let chosen = null;
  try { chosen = localStorage.getItem("accumbens-theme"); } catch { /* a page that may store nothing */ }
  function applyTheme() {
    const dark = chosen ? chosen === "dark" : system.matches;
    root.dataset.theme = dark ? "dark" : "light";
    button.setAttribute("aria-pressed", String(dark));
    drawn.forEach(draw);
    colourKeys();
  }
  button.hidden = false;
  button.addEventListener("click", () => {
    chosen = root.dataset.theme === "dark" ? "light" : "dark";
    try { localStorage.setItem("accumbens-theme", chosen); } catch { /* not remembered then */ }
    applyTheme();
  });
  system.addEventListener("change", applyTheme);

  // Legends: buttons, so that a keyboard reaches them.
  const keys = [...document.querySelectorAll(".key")];
  function colourKeys() {
    for (const key of keys) {
      const mark = key.querySelector("line, g");
      mark.setAttribute("stroke", colourOf(JSON.parse(key.dataset.colour)));
      if (mark.tagName === "line") mark.setAttribute("stroke-dasharray", lineDashes[key.dataset.dash] ?? key.dataset.dash);
    }
  }
  function redraw(group) {
    for (const id of drawn) if (group.contains(document.getElementById(id))) draw(id);
  }
  for (const key of keys) {
    if (key.getAttribute("aria-pressed") === "false") hidden.add(key.dataset.key);
    key.addEventListener("click", () => {
      const shown = hidden.delete(key.dataset.key);
      if (!shown) hidden.add(key.dataset.key);
      key.setAttribute("aria-pressed", String(shown));
      redraw(key.closest(".group"));
    });
  }
  for (const toggle of document.querySelectorAll("[data-option]")) {
    toggle.addEventListener("click", () => {
      const group = toggle.closest(".group"), on = toggle.getAttribute("aria-pressed") !== "true";
      toggle.setAttribute("aria-pressed", String(on));
      for (const plot of group.querySelectorAll(".plot")) state[toggle.dataset.option][on ? "add" : "delete"](plot.id);
      redraw(group);
    });
  }
  for (const select of document.querySelectorAll("select[data-shows]")) {
    const show = () => {
      for (const option of select.options) document.getElementById(option.value).hidden = option.value !== select.value;
      start();
    };
    select.addEventListener("change", show);
    select.show = show;
  }

  const visible = (chart) => chart.curves.filter((curve) => !hidden.has(curve.key));

  // What is shown decides the range; intervals of few seeds may reach out of it, or they would squeeze the curves.
  function rangeOf(chart, id, logarithmic) {
    const means = [], bounds = [];
    for (const curve of visible(chart)) {
      means.push(...curve.mean);
      if (curve.interval) curve.mean.forEach((mean, at) => bounds.push(mean - curve.interval[at], mean + curve.interval[at]));
      if (state.seeds.has(id)) for (const seed of curve.seeds) means.push(...seed);
    }
    for (const quote of shownQuotes(chart, id)) {
      means.push(...(quote.drawLine ? [quote.value] : []), ...quote.points.map((point) => point[1]));
    }
    if (chart.span && !logarithmic) means.push(...chart.span);
    const finite = means.filter((value) => Number.isFinite(value) && (!logarithmic || value > 0));
    if (!finite.length) return null;
    let low = Infinity, high = -Infinity;
    for (const value of finite) { low = Math.min(low, value); high = Math.max(high, value); }
    if (logarithmic) return [Math.log10(low) - 0.1, Math.log10(high) + 0.1];
    const span = high - low || Math.abs(high) || 1;
    if (chart.span) return [low - 0.05 * span, high + 0.05 * span];
    let [bottom, top] = [low, high];
    for (const value of bounds) { bottom = Math.min(bottom, value); top = Math.max(top, value); }
    bottom = Math.max(bottom, low - 0.3 * span);
    top = Math.min(top, high + 0.3 * span);
    const floor = chart.logarithmic && low >= 0 ? 0 : -Infinity; // what is never negative has no axis below zero
    return [Math.max(floor, bottom - 0.05 * span), top + 0.05 * span];
  }

  function shownQuotes(chart, id) {
    return chart.quotes
      .map((quote) => ({ ...quote, drawLine: quote.line || !quote.points.length }))
      .filter((quote) => !hidden.has(`${id}-quote-${quote.place}`));
  }

  function tracesOf(chart, id, logarithmic) {
    const bands = [], traces = []; // a band never lies over a curve
    const end = Math.max(...chart.curves.map((curve) => curve.steps[curve.steps.length - 1]));
    for (const curve of visible(chart)) {
      const colour = colourOf(curve.colour), x = curve.steps;
      if (curve.interval && !state.seeds.has(id)) {
        const edge = (sign) => curve.mean.map((mean, at) => {
          const value = mean + sign * curve.interval[at];
          return logarithmic && value <= 0 ? 1e-12 : value;
        });
        const band = { x, mode: "lines", line: { width: 0 }, hoverinfo: "skip", showlegend: false, type: "scatter" };
        bands.push({ ...band, y: edge(-1) }, { ...band, y: edge(1), fill: "tonexty", fillcolor: rgba(colour, curve.colour[0] === "cell" ? 0.1 : 0.15) });
      }
      if (state.seeds.has(id)) {
        for (const y of curve.seeds) {
          traces.push({ x, y, mode: "lines", type: "scatter", hoverinfo: "skip", opacity: 0.45, line: { color: colour, width: 1, dash: curve.dash } });
        }
      }
      const spread = curve.interval ? ` ± %{customdata:${chart.digits}}` : "";
      traces.push({
        x, y: curve.mean, customdata: curve.interval ?? undefined, type: "scatter", name: curve.name,
        mode: x.length < 2 ? "lines+markers" : "lines", marker: { size: 5, color: colour },
        line: { color: colour, width: curve.wide ? 2.6 : 1.9, dash: curve.dash },
        hovertemplate: `%{y:${chart.digits}}${spread}`, meta: "curve",
      });
    }
    for (const quote of shownQuotes(chart, id)) {
      const look = { type: "scatter", name: quote.name, line: { color: variable("--quiet"), width: 1.3, dash: quoteDashes[quote.place % 5] } };
      if (quote.drawLine) traces.push({ ...look, x: [0, end], y: [quote.value, quote.value], mode: "lines", hoverinfo: "skip" });
      if (quote.points.length) {
        traces.push({
          ...look, x: quote.points.map((point) => point[0]), y: quote.points.map((point) => point[1]), mode: "markers",
          marker: { symbol: quoteSymbols[quote.place % 5], size: 8, color: variable("--quiet"), line: { width: 1.6 } },
          hovertemplate: `%{y:${chart.digits}}`,
        });
      }
    }
    return [...bands, ...traces];
  }

  function layoutOf(chart, id, logarithmic) {
    const [text, quiet, grid] = ["--text", "--quiet", "--grid"].map(variable);
    const axis = {
      gridcolor: grid, linecolor: grid, zeroline: false, tickfont: { color: quiet, size: 11.5 }, automargin: true,
      title: { font: { color: quiet, size: 12 } },
    };
    const range = rangeOf(chart, id, logarithmic);
    return {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", showlegend: false, hovermode: "x unified",
      font: { family: getComputedStyle(document.body).fontFamily, color: text, size: 12.5 },
      margin: { l: 44, r: 10, t: 8, b: 40 }, dragmode: coarse ? false : "zoom",
      hoverlabel: { bgcolor: variable("--card"), bordercolor: variable("--line"), font: { color: text, size: 12.5 }, namelength: -1 },
      xaxis: { ...axis, title: { ...axis.title, text: chart.along.axis }, rangemode: "tozero", nticks: 6, hoverformat: chart.along.form,
        showspikes: true, spikemode: "across", spikethickness: 1, spikedash: "solid", spikecolor: quiet },
      yaxis: { ...axis, type: logarithmic ? "log" : "linear", ...(range ? { range, autorange: false } : {}),
        ...(logarithmic ? { dtick: 1 } : { nticks: 6 }) },
    };
  }

  function draw(id) {
    const chart = charts[id], logarithmic = chart.logarithmic && state.logarithmic.has(id);
    const config = { responsive: true, displayModeBar: false, displaylogo: false, doubleClick: "reset", showTips: false };
    Plotly.react(id, tracesOf(chart, id, logarithmic), layoutOf(chart, id, logarithmic), config);
  }

  // With the arrow keys the values are read out point by point.
  function listen(plot) {
    let at = -1;
    plot.addEventListener("keydown", (event) => {
      const move = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      const curves = visible(charts[plot.id]);
      if (event.key === "Escape") { Plotly.Fx.unhover(plot); return; }
      if (!curves.length || !(move || event.key === "Home" || event.key === "End")) return;
      event.preventDefault();
      const last = curves[0].steps.length - 1;
      at = event.key === "Home" ? 0 : event.key === "End" ? last : Math.min(last, Math.max(0, at + move));
      const step = curves[0].steps[at];
      const points = [];
      plot.data.forEach((trace, curveNumber) => {
        if (trace.meta !== "curve") return;
        points.push({ curveNumber, pointNumber: nearest(trace.x, step) });
      });
      Plotly.Fx.hover(plot, points);
      document.getElementById("live").textContent = `${charts[plot.id].along.point} ${step.toLocaleString("en")}: ` + points.map((point) => {
        const trace = plot.data[point.curveNumber], value = trace.y[point.pointNumber];
        return `${trace.name} ${Number(value.toPrecision(4))}`;
      }).join("; ");
    });
  }
  const nearest = (steps, step) => steps.reduce((best, value, at) => Math.abs(value - step) < Math.abs(steps[best] - step) ? at : best, 0);

  for (const save of document.querySelectorAll(".save")) {
    save.addEventListener("click", () => {
      // What stands around a chart in the page goes into its file: heading, what the numbers are, white or dark paper.
      const plot = document.getElementById(save.dataset.saves), chart = charts[plot.id], { layout } = plot;
      const alone = {
        ...layout, paper_bgcolor: variable("--card"), margin: { ...layout.margin, t: 44 }, title: { text: chart.title },
        yaxis: { ...layout.yaxis, title: { ...layout.yaxis.title, text: chart.axis } }, showlegend: chart.curves.length > 1,
      };
      Plotly.downloadImage({ data: plot.data, layout: alone }, { format: "svg", filename: save.dataset.saves, width: 720, height: 420 });
    });
  }

  // A chart is drawn when it is about to be seen: a report of many environments opens at once.
  const watcher = new IntersectionObserver((entries) => entries.forEach((entry) => entry.isIntersecting && first(entry.target)), { rootMargin: "800px" });
  function first(plot) {
    if (drawn.has(plot.id)) return;
    drawn.add(plot.id);
    watcher.unobserve(plot);
    draw(plot.id);
    listen(plot);
  }
  function start() {
    for (const plot of document.querySelectorAll(".plot")) if (!drawn.has(plot.id)) watcher.observe(plot);
  }
  addEventListener("beforeprint", () => document.querySelectorAll(".plot").forEach((plot) => plot.offsetParent && first(plot)));
  for (const select of document.querySelectorAll("select[data-shows]")) select.show();
  applyTheme();
  start();
})();
