const crypto = require("crypto");

const { publicKey, privateKey } = crypto.generateKeyPairSync("rsa", { modulusLength: 1024, publicKeyEncoding: { type: "spki", format: "pem" }, privateKeyEncoding: { type: "pkcs8", format: "pem" } });
const signature = crypto.createSign("sha256").update("message").sign(privateKey);
console.log(publicKey.split("\n")[0], signature.length);
console.log(crypto.createVerify("sha256").update("message").verify(publicKey, signature), crypto.createVerify("sha256").update("other").verify(publicKey, signature));
const secret = crypto.publicEncrypt(publicKey, Buffer.from("for your eyes"));
console.log(crypto.privateDecrypt(privateKey, secret).toString());
const ed = crypto.generateKeyPairSync("ed25519");
console.log(crypto.verify(null, Buffer.from("m"), ed.publicKey, crypto.sign(null, Buffer.from("m"), ed.privateKey)), ed.publicKey.asymmetricKeyType);
const [a, b] = [crypto.createECDH("secp256k1"), crypto.createECDH("secp256k1")];
a.generateKeys();
b.generateKeys();
console.log(a.computeSecret(b.getPublicKey()).equals(b.computeSecret(a.getPublicKey())));
const [c, d] = [crypto.getDiffieHellman("modp5"), crypto.getDiffieHellman("modp5")];
c.generateKeys();
d.generateKeys();
console.log(c.computeSecret(d.getPublicKey(), null, "hex") === d.computeSecret(c.getPublicKey(), null, "hex"));
