"""URLs that would lead inside: every way to write an address, and every kind of address, that is not a public one.

`{port}` is where a listener waits on all addresses of the machine.
"""

# Of these the words alone tell: refused when subscribed to.
BY_WORDS = """
https://127.0.0.1:{port}/
https://127.0.0.2:{port}/
https://127.255.255.254:{port}/
https://127.1:{port}/
https://127.0.1:{port}/
https://0177.0.0.1:{port}/
https://0177.0000.0000.0001:{port}/
https://0x7f.0.0.1:{port}/
https://0x7f.1:{port}/
https://0X7F.1:{port}/
https://0x7f000001:{port}/
https://2130706433:{port}/
https://017700000001:{port}/
https://127.0.0.01:{port}/
https://127.0.0.1.:{port}/
https://127.0.0.0x1:{port}/
https://4294967297:{port}/
https://0:{port}/
https://0x:{port}/
https://0.0.0.0:{port}/
https://0.1.2.3:{port}/
https://①②⑦.⓪.⓪.①:{port}/
https://127。0。0。1:{port}/
https://%31%32%37.0.0.1:{port}/
https://127.0.0.1%00.example.com:{port}/
https://localhost:{port}/
https://LOCALHOST:{port}/
https://localhost.:{port}/
https://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ:{port}/
https://hooks.localhost:{port}/
https://localhost.localdomain:{port}/
https://printer.local:{port}/
https://metadata.google.internal:{port}/
https://gateway:{port}/
https://gateway.default.svc:{port}/
https://gateway.svc.cluster.local:{port}/
https://router.lan:{port}/
https://router.home.arpa:{port}/
https://hidden.onion:{port}/
https://[::1]:{port}/
https://[0:0:0:0:0:0:0:1]:{port}/
https://[::]:{port}/
https://[::127.0.0.1]:{port}/
https://[::ffff:127.0.0.1]:{port}/
https://[::ffff:7f00:1]:{port}/
https://[::FFFF:0:7f00:1]:{port}/
https://[::ffff:169.254.169.254]:{port}/
https://[::ffff:8.8.8.8]:{port}/
https://[64:ff9b::127.0.0.1]:{port}/
https://[64:ff9b::a9fe:a9fe]:{port}/
https://[64:ff9b:1::7f00:1]:{port}/
https://[2002:7f00:1::]:{port}/
https://[2002:a9fe:a9fe::1]:{port}/
https://[2001:0:4136:e378:8000:63bf:80ff:fffe]:{port}/
https://[2001:db8::1]:{port}/
https://[2001:10::1]:{port}/
https://[2001:20::1]:{port}/
https://[3fff::1]:{port}/
https://[5f00::1]:{port}/
https://[100::1]:{port}/
https://[fe80::1]:{port}/
https://[fe80::1%25lo]:{port}/
https://[fe80::1%lo]:{port}/
https://[::1%25lo]:{port}/
https://[fec0::1]:{port}/
https://[fc00::1]:{port}/
https://[fd00::2]:{port}/
https://[fd00:ec2::254]:{port}/
https://[fd20:ce::254]:{port}/
https://[ff02::1]:{port}/
https://[2a00:1450:4001::5efe:10.0.0.1]:{port}/
https://[2a00:1450:4001::200:5efe:7f00:1]:{port}/
https://[v1.127]:{port}/
https://[127.0.0.1]:{port}/
https://[::1:{port}/
https://10.0.0.1:{port}/
https://10.255.255.255:{port}/
https://172.16.0.1:{port}/
https://172.31.255.255:{port}/
https://192.168.0.1:{port}/
https://192.168.65.2:{port}/
https://169.254.169.254:{port}/latest/meta-data/
https://169.254.170.2:{port}/v2/credentials
https://2852039166:{port}/
https://0xa9fea9fe:{port}/
https://0251.0376.0251.0376:{port}/
https://100.64.0.1:{port}/
https://100.100.100.200:{port}/
https://168.63.129.16:{port}/
https://192.0.0.1:{port}/
https://192.0.0.192:{port}/
https://192.0.2.1:{port}/
https://192.88.99.1:{port}/
https://198.18.0.1:{port}/
https://198.51.100.1:{port}/
https://203.0.113.1:{port}/
https://224.0.0.1:{port}/
https://239.255.255.250:{port}/
https://240.0.0.1:{port}/
https://255.255.255.255:{port}/
https://example.com@127.0.0.1:{port}/
https://user:password@example.com:{port}/
https://example.com:{port}@127.0.0.1:{port}/
https://example.com\\@127.0.0.1:{port}/
https://127.0.0.1:{port}\\@example.com/
https://127.0.0.1:{port}#@example.com/
https://127.0.0.1:{port}?@example.com/
https:127.0.0.1:{port}/
https:/127.0.0.1:{port}/
https:///127.0.0.1:{port}/
https:\\\\127.0.0.1:{port}/
//127.0.0.1:{port}/
127.0.0.1:{port}
http://127.0.0.1:{port}/
http://localhost:{port}/
http://example.com:{port}/
HTTP://127.0.0.1:{port}/
ftp://127.0.0.1:{port}/
file:///etc/passwd
gopher://127.0.0.1:{port}/_POST
dict://127.0.0.1:{port}/
ws://127.0.0.1:{port}/
wss://127.0.0.1:{port}/
unix:///var/run/docker.sock
jar:https://127.0.0.1:{port}/!/
data:text/plain,x
javascript:alert(1)
https://
https://:{port}/
https://.:{port}/
https://..:{port}/
https://a..b.com:{port}/
https://-a.example.com:{port}/
https://hooks example.com:{port}/
https://example.com:{port}/ HTTP/1.1
https://example.com:{port}:{port}/
https://example.com:0/
https://example.com:65536/
https://example.com:99999999/
https://example.com:-1/
https://example.com:0x1bb/
https://example.com:22/
https://example.com:25/
https://example.com:80/
https://example.com:8080/
https://example.com:6379/
https://example.com:{port}/grüße
""".strip().splitlines()

# What a line of text cannot show.
BY_WORDS += [
    "",
    " ",
    "https://127.0.0.1\t:{port}/",
    "https://127.0.0.1\n:{port}/",
    "\thttps://127.0.0.1:{port}/",
    " https://127.0.0.1:{port}/",
    "https://127.0.0.1:{port}/ ",
    "https://example.com:{port}/\r\nHost: 127.0.0.1",
    "https://example.com\x00.127.0.0.1:{port}/",
    "https://\uff11\uff12\uff17.0.0.1:{port}/",  # full-width digits, and then dots
    "https://127\uff0e0\uff0e0\uff0e1:{port}/",
    "https://example.com:\uff19/",
    "https://local\u00adhost:{port}/",  # a soft hyphen, which IDNA drops
    "https://local\u200bhost:{port}/",
    "https://\u202e1.0.0.721:{port}/",
    "https://xn--:{port}/",
    "https://" + "a" * 64 + ".example.com:{port}/",
    "https://" + "a." * 127 + "com:{port}/",
    "https://example.com:{port}/" + "a" * 2048,
    "https://example.com/\ud800",
]

# Addresses that no name may lead to.
BY_ADDRESS = """
127.0.0.1
127.8.8.8
0.0.0.0
10.0.0.1
172.16.0.1
192.168.1.1
169.254.169.254
100.64.0.1
100.100.100.200
168.63.129.16
192.0.0.192
192.0.2.1
192.88.99.1
198.18.0.1
198.51.100.1
203.0.113.1
224.0.0.1
240.0.0.1
255.255.255.255
::1
::
::127.0.0.1
::ffff:127.0.0.1
::ffff:10.0.0.1
64:ff9b::7f00:1
64:ff9b::a9fe:a9fe
64:ff9b:1::7f00:1
2002:7f00:1::
2001:0:4136:e378:8000:63bf:80ff:fffe
2001:db8::1
3fff::1
5f00::1
fe80::1
fec0::1
fc00::1
fd00::2
fd00:ec2::254
fd20:ce::254
ff02::1
2a00:1450:4001::5efe:7f00:1
""".strip().splitlines()

PUBLIC = [
    "https://example.com",
    "https://example.com/",
    "https://example.com:443/hook?a=b&c=%2F",
    "https://EXAMPLE.com/Hook",
    "https://hooks.example.co.uk/a/b",
    "https://bücher.example/hook",
    "https://xn--bcher-kva.example/hook",
    "https://my_team.hooks.example/x",
    "https://1.example.com/",
    "https://8.8.8.8/hook",
    "https://[2606:4700:4700::1111]/hook",
    "https://example.com?token=a",
    "https://127.0.0.1.example.com/",  # judged by what it leads to
]
