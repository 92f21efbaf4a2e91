"""Text, numbers, files and compression, a line of input after the other."""
import collections, decimal, hashlib, json, os, re, struct, sys, tempfile, zlib

words = collections.Counter()
total = decimal.Decimal(0)
digest = hashlib.sha256()
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "lines")
    with open(path, "w+") as file:
        for line in sys.stdin:
            number, *rest = line.split()
            words.update(rest)
            total += decimal.Decimal(number) / 7
            digest.update(line.encode())
            file.write(re.sub(r"[aeiou]", lambda m: m.group().upper(), line))
            if int(number) % 100 == 0:
                print(number, digest.hexdigest()[:16], round(total, 20), flush=True)
        file.flush()
        file.seek(0)
        text = file.read()
    print(os.stat(path).st_size, sorted(os.listdir(folder)))
packed = zlib.compress(text.encode(), 9)
print(len(packed), zlib.decompress(packed).decode() == text, struct.pack("<dQ", 1 / 3, 2**63).hex())
print(json.dumps(words.most_common(5)), pow(3, 10**5, 2**521 - 1) % 10**9)
try:
    open("/no/such/file")
except OSError as error:
    print(error)
