"""Contrast: which texts of a page, as it is seen now, are too pale against what lies behind them.

    told = page.value(contrast.PALE)
    told["looked"], told["pale"]

After the Web Content Accessibility Guidelines 2.1, 1.4.3: at least 4.5.
"""

PALE = """(() => {
  const LEAST = 4.5;
  const parse = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const over = (top, under) => {
    const share = top.length > 3 ? top[3] : 1;
    return [0, 1, 2].map((i) => top[i] * share + under[i] * (1 - share));
  };
  const light = (colour) => colour.map((each) => each / 255)
    .map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (node) => {
    const above = [];
    for (let at = node; at; at = at.parentElement) {
      above.push(parse(getComputedStyle(at).backgroundColor));
    }
    const put = (under, top) => (top.length ? over(top, under) : under);
    return above.reverse().reduce(put, [255, 255, 255]);
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const pale = new Set();
  let looked = 0;
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement, text = walker.currentNode.data.trim();
    if (!text || !node.checkVisibility() || node.closest('script, style, .unseen')) continue;
    const style = getComputedStyle(node), back = behind(node);
    const ink = over(parse(node.closest('svg') ? style.fill : style.color), back);
    const [one, other] = [light(ink), light(back)].sort((a, b) => b - a);
    const found = (one + 0.05) / (other + 0.05);
    looked += 1;
    if (found < LEAST) pale.add(`${text.slice(0, 30)} ${found.toFixed(2)}`);
  }
  return { looked, pale: [...pale] };
})()"""
