// The HTTP of `zofo serve`. The HTTP library is slow to compile: only http_server.cpp includes it.
#pragma once

#include <memory>
#include <string>

#include "zofo/serve/service.hpp"

namespace zofo::cli {

// Answers the requests of OpenAI's API on a port, with threads of its own.
class HttpServer {
 public:
  // Listens. Port 0: any that is free. Borrows the service. Throws Error if the address cannot be used.
  HttpServer(serve::Service& service, const std::string& host, int port);
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  // Stops, after the answers that are being sent.
  ~HttpServer();

  // http://HOST:PORT.
  [[nodiscard]] std::string address() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace zofo::cli
