"""Makes the certificates of `bench/run`: certificates.py FOLDER.

server.pem: certificate and key of 127.0.0.1, RSA as S3's are. trusted.pem: its root among the roots that botocore ships,
as many as a Lambda environment has; the functions and their peer read this one file.
"""

import sys
from pathlib import Path

import botocore
import trustme

folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
root = trustme.CA(key_type=trustme.KeyType.RSA)
server = root.issue_cert("127.0.0.1", key_type=trustme.KeyType.RSA)
server.private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
roots = (Path(botocore.__file__).parent / "cacert.pem").read_bytes()
(folder / "trusted.pem").write_bytes(roots + b"\n" + root.cert_pem.bytes())
