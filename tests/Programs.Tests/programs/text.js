// Strings, objects and closures, for mujs.
var count = {}, sum = 0, line;
while ((line = readline()) !== null && line !== undefined) {
    var words = line.split(" "), number = Number(words.shift());
    words.forEach(function (word) { count[word] = (count[word] || 0) + 1; });
    for (var i = 0; i < 50; i++) sum = (sum * 31 + number + i) % 1000003;
    if (number % 100 === 0) print(number, sum, JSON.stringify(words), words[0].replace(/[aeiou]/g, function (c) { return c.toUpperCase(); }));
}
print(Object.keys(count).sort().slice(0, 5).map(function (word) { return word + "=" + count[word]; }).join());
print(Math.sin(1), parseInt("zz", 36), new Date(0).toISOString());
