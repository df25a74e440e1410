// SPDX-License-Identifier: Apache-2.0
#include "base/hmac.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <array>
#include <string>

#include "base/check.h"

namespace bitrepo::base {

struct Hmac::State {
  State(Algorithm chosen, absl::string_view key)
      : hash(chosen), method(EVP_MAC_fetch(nullptr, "HMAC", nullptr)) {
    BITREPO_CHECK(method != nullptr, "OpenSSL has HMAC");
    context = EVP_MAC_CTX_new(method);
    BITREPO_CHECK(context != nullptr, "there is memory for an HMAC");
    std::string name(AlgorithmName(hash));
    const std::array<OSSL_PARAM, 2> parameters = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name.data(), 0),
        OSSL_PARAM_construct_end()};
    // A null key would mean "the one before": an empty one still needs an address.
    const auto* address = reinterpret_cast<const unsigned char*>(key.empty() ? "" : key.data());
    BITREPO_CHECK(EVP_MAC_init(context, address, key.size(), parameters.data()) == 1,
                  "an HMAC begins");
  }
  ~State() {
    EVP_MAC_CTX_free(context);
    EVP_MAC_free(method);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  Algorithm hash;
  EVP_MAC* method;
  EVP_MAC_CTX* context = nullptr;
  bool finished = false;
};

Hmac::Hmac(Algorithm hash, absl::string_view key) : state_(std::make_unique<State>(hash, key)) {}
Hmac::~Hmac() = default;
Hmac::Hmac(Hmac&&) noexcept = default;
Hmac& Hmac::operator=(Hmac&&) noexcept = default;

void Hmac::Update(std::span<const std::byte> bytes) {
  BITREPO_CHECK(!state_->finished, "no bytes after Finish");
  BITREPO_CHECK(
      EVP_MAC_update(state_->context, reinterpret_cast<const unsigned char*>(bytes.data()),
                     bytes.size()) == 1,
      "an HMAC takes bytes");
}

Digest Hmac::Finish() {
  BITREPO_CHECK(!state_->finished, "Finish is called once");
  state_->finished = true;
  std::array<unsigned char, EVP_MAX_MD_SIZE> value{};
  size_t size = 0;
  BITREPO_CHECK(EVP_MAC_final(state_->context, value.data(), &size, value.size()) == 1,
                "an HMAC ends");
  return Digest::FromBytes(state_->hash,
                           absl::string_view(reinterpret_cast<const char*>(value.data()), size))
      .value();
}

}  // namespace bitrepo::base
