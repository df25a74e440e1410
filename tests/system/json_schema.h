// SPDX-License-Identifier: Apache-2.0
// A judge of JSON by a schema (draft 7), for the part of it that our schemas use: a keyword that
// it does not know is a fault, never passed over.
#pragma once

#include <memory>
#include <string>

namespace bitrepo::system_test {

// Immutable.
class JsonSchema {
 public:
  // Requires: the text is JSON.
  explicit JsonSchema(const std::string& text);
  ~JsonSchema();

  // What is wrong with a JSON text, with the place: empty when it is valid.
  std::string Fault(const std::string& text) const;
  // What this judge does not understand in the schema itself; empty when all is.
  std::string Unknown() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace bitrepo::system_test
