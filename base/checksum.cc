// SPDX-License-Identifier: Apache-2.0
#include "base/checksum.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#define XXH_STATIC_LINKING_ONLY  // the state of XXH3 as a complete type, to have it on the stack
#include <xxhash.h>

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/utf8.h"

namespace bitrepo::base {
namespace {

struct Known {
  Algorithm algorithm;
  absl::string_view name;
  const char* openssl_name;
  size_t bytes;
};
constexpr Known kKnown[] = {
    {Algorithm::kMd5, "md5", "MD5", 16},          {Algorithm::kSha1, "sha1", "SHA1", 20},
    {Algorithm::kSha256, "sha256", "SHA256", 32}, {Algorithm::kSha384, "sha384", "SHA384", 48},
    {Algorithm::kSha512, "sha512", "SHA512", 64},
};

const Known& Find(Algorithm algorithm) {
  const auto index = static_cast<size_t>(algorithm);
  BITREPO_CHECK(index < std::size(kKnown), "the algorithm is one of the enumeration");
  return kKnown[index];
}

// Fetched once for the process: a fetch costs more than the digest of a small file.
const EVP_MD* MethodOf(Algorithm algorithm) {
  static const std::array<EVP_MD*, std::size(kKnown)> methods = [] {
    std::array<EVP_MD*, std::size(kKnown)> fetched{};
    for (size_t i = 0; i < fetched.size(); ++i) {
      fetched[i] = EVP_MD_fetch(nullptr, kKnown[i].openssl_name, nullptr);
    }
    return fetched;
  }();
  const EVP_MD* method = methods[static_cast<size_t>(Find(algorithm).algorithm)];
  BITREPO_CHECK(method != nullptr, "OpenSSL has the algorithm");
  return method;
}

const unsigned char* Raw(absl::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace

size_t DigestBytes(Algorithm algorithm) { return Find(algorithm).bytes; }

absl::string_view AlgorithmName(Algorithm algorithm) { return Find(algorithm).name; }

absl::StatusOr<Algorithm> ParseAlgorithm(absl::string_view name) {
  for (const Known& known : kKnown) {
    if (known.name == name) {
      return known.algorithm;
    }
  }
  return absl::InvalidArgumentError(
      absl::StrCat("unknown checksum algorithm \"", Printable(name, 32),
                   "\"; there are md5, sha1, sha256, sha384 and sha512"));
}

absl::StatusOr<Digest> Digest::FromBytes(Algorithm algorithm, absl::string_view bytes) {
  if (bytes.size() != DigestBytes(algorithm)) {
    return absl::InvalidArgumentError(absl::StrCat("a ", AlgorithmName(algorithm), " digest has ",
                                                   DigestBytes(algorithm), " bytes, not ",
                                                   bytes.size()));
  }
  return Digest(algorithm, std::string(bytes));
}

absl::StatusOr<Digest> Digest::FromHex(Algorithm algorithm, absl::string_view hex) {
  for (const char c : hex) {
    if (!absl::ascii_isxdigit(static_cast<unsigned char>(c))) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", Printable(hex, 160), "\" is not a digest in hexadecimal"));
    }
  }
  if (hex.size() != 2 * DigestBytes(algorithm)) {
    return absl::InvalidArgumentError(absl::StrCat("a ", AlgorithmName(algorithm), " digest has ",
                                                   2 * DigestBytes(algorithm),
                                                   " hexadecimal digits, not ", hex.size()));
  }
  return FromBytes(algorithm, absl::HexStringToBytes(hex));
}

absl::StatusOr<Digest> Digest::Parse(absl::string_view text) {
  const size_t colon = text.find(':');
  if (colon == absl::string_view::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", Printable(text, 160), "\" is not a digest; write it as sha256:HEX"));
  }
  const absl::StatusOr<Algorithm> algorithm = ParseAlgorithm(text.substr(0, colon));
  if (!algorithm.ok()) {
    return algorithm.status();
  }
  return FromHex(*algorithm, text.substr(colon + 1));
}

std::string Digest::Hex() const { return absl::BytesToHexString(bytes_); }

std::string Digest::ToString() const { return absl::StrCat(AlgorithmName(algorithm_), ":", Hex()); }

struct Hasher::State {
  explicit State(Algorithm chosen) : algorithm(chosen), context(EVP_MD_CTX_new()) {
    BITREPO_CHECK(context != nullptr, "there is memory for a digest");
    BITREPO_CHECK(EVP_DigestInit_ex2(context, MethodOf(chosen), nullptr) == 1, "a digest begins");
  }
  ~State() { EVP_MD_CTX_free(context); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  Algorithm algorithm;
  EVP_MD_CTX* context;
  bool finished = false;
};

Hasher::Hasher(Algorithm algorithm) : state_(std::make_unique<State>(algorithm)) {}
Hasher::~Hasher() = default;
Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;

void Hasher::Update(std::span<const std::byte> bytes) {
  BITREPO_CHECK(!state_->finished, "no bytes after Finish");
  BITREPO_CHECK(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) == 1,
                "a digest takes bytes");
}

void Hasher::Update(absl::string_view bytes) {
  Update(std::as_bytes(std::span(bytes.data(), bytes.size())));
}

Digest Hasher::Finish() {
  BITREPO_CHECK(!state_->finished, "Finish is called once");
  state_->finished = true;
  std::array<unsigned char, EVP_MAX_MD_SIZE> value{};
  unsigned int size = 0;
  BITREPO_CHECK(EVP_DigestFinal_ex(state_->context, value.data(), &size) == 1, "a digest ends");
  return Digest::FromBytes(state_->algorithm,
                           absl::string_view(reinterpret_cast<const char*>(value.data()), size))
      .value();
}

Digest Hasher::Of(Algorithm algorithm, absl::string_view bytes) {
  Hasher hasher(algorithm);
  hasher.Update(bytes);
  return hasher.Finish();
}

std::string HmacSha256(absl::string_view key, absl::string_view message) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> value{};
  unsigned int size = 0;
  // OpenSSL takes a null key as "the one before", so an empty key still needs an address.
  const void* key_data = key.empty() ? static_cast<const void*>("") : key.data();
  const unsigned char* made =
      HMAC(MethodOf(Algorithm::kSha256), key_data, static_cast<int>(key.size()), Raw(message),
           message.size(), value.data(), &size);
  BITREPO_CHECK(made != nullptr, "a message authentication code is made");
  return std::string(reinterpret_cast<const char*>(value.data()), size);
}

bool ConstantTimeEquals(absl::string_view a, absl::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

BlockDigest DigestBlock(std::span<const std::byte> block) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits(block.data(), block.size()));
  BlockDigest digest;
  static_assert(sizeof canonical.digest == std::tuple_size_v<BlockDigest>);
  std::copy(std::begin(canonical.digest), std::end(canonical.digest), digest.begin());
  return digest;
}

uint64_t FrameCheck(std::span<const std::byte> header, std::span<const std::byte> payload) {
  XXH3_state_t state;
  XXH3_INITSTATE(&state);
  XXH3_64bits_reset(&state);
  XXH3_64bits_update(&state, header.data(), header.size());
  XXH3_64bits_update(&state, payload.data(), payload.size());
  return XXH3_64bits_digest(&state);
}

}  // namespace bitrepo::base
