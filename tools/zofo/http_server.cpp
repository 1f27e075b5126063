#include "http_server.hpp"

#include <fmt/format.h>
#include <httplib.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <exception>
#include <thread>
#include <utility>

#include "http_threads.hpp"
#include "zofo/core/error.hpp"
#include "zofo/serve/api_error.hpp"
#include "zofo/serve/reply.hpp"

namespace zofo::cli {
namespace {

using serve::ApiError;

constexpr const char* json_type = "application/json";

// The library's interface of a pool of threads.
class Connections : public httplib::TaskQueue {
 public:
  explicit Connections(std::size_t most) : threads_(most) {}
  void enqueue(std::function<void()> task) override { threads_.add(std::move(task)); }
  void shutdown() override { threads_.finish(); }

 private:
  HttpThreads threads_;
};

void send_error(httplib::Response& response, const ApiError& error) {
  response.status = error.status();
  if (error.status() == 503) response.set_header("Retry-After", "1");
  response.set_content(error.body(), json_type);
}

// Sends the answer's parts as they are generated. A client that has gone ends the job.
void stream(const std::shared_ptr<serve::Job>& job, const llm::Model& model, httplib::Response& response) {
  auto events = std::make_shared<serve::ReplyStream>(*job, model);
  response.set_header("Cache-Control", "no-cache");
  response.set_chunked_content_provider(
      "text/event-stream",
      [job, events](std::size_t, httplib::DataSink& sink) {
        const std::string text = events->next();
        if (text.empty()) {
          sink.done();
          return true;
        }
        return sink.write(text.data(), text.size());
      },
      [job](bool) { job->cancel(); });
}

void answer(serve::Service& service, serve::Endpoint endpoint, const httplib::Request& request,
            httplib::Response& response) {
  const std::shared_ptr<serve::Job> job = service.submit(endpoint, request.body);
  if (job->request.stream) return stream(job, service.served(), response);
  job->wait();
  response.set_content(serve::reply(*job, service.served()), json_type);
}

// What the library itself refuses.
ApiError error_of_status(int status, const httplib::Request& request, const serve::Limits& limits) {
  if (status == 404)
    return {404, "", "not_found",
            fmt::format("{} {}: must be GET /health, GET /v1/models, POST /v1/completions or POST "
                        "/v1/chat/completions",
                        request.method, request.path)};
  if (status == 413) return {413, "", "", fmt::format("request: has more than {} bytes", limits.max_body)};
  return {status, "", "", "request: is no valid HTTP"};
}

}  // namespace

struct HttpServer::State {
  explicit State(serve::Service& of) : service(of) {}

  serve::Service& service;
  httplib::Server server;
  socket_t socket = INVALID_SOCKET;
  std::string host;
  int port = 0;
  std::atomic<bool> ended = false;  // nobody listens any more
  std::thread listener;

  void set_limits() {
    const std::size_t waiting = service.limits().max_queue;
    // Enough threads that a full queue still answers.
    server.new_task_queue = [waiting] { return new Connections(2 * waiting + 64); };
    server.set_payload_max_length(service.limits().max_body);
    server.set_tcp_nodelay(true);  // events are small
    server.set_keep_alive_max_count(1U << 20U);
    server.set_read_timeout(30);
    server.set_write_timeout(30);
    server.set_socket_options([this](socket_t opened) {
      socket = opened;
      const int yes = 1;
      setsockopt(opened, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    });
  }

  void set_handlers() {
    using Request = httplib::Request;
    using Response = httplib::Response;
    server.Get("/health",
               [this](const Request&, Response& r) { r.set_content(service.health(), json_type); });
    server.Get("/v1/models",
               [this](const Request&, Response& r) { r.set_content(service.models(), json_type); });
    server.Get("/v1/models/(.+)", [this](const Request& request, Response& r) {
      r.set_content(service.model(request.matches[1]), json_type);
    });
    server.Post("/v1/completions", [this](const Request& request, Response& r) {
      answer(service, serve::Endpoint::completions, request, r);
    });
    server.Post("/v1/chat/completions", [this](const Request& request, Response& r) {
      answer(service, serve::Endpoint::chat, request, r);
    });
    server.set_exception_handler([](const Request&, Response& r, std::exception_ptr thrown) {
      try {
        std::rethrow_exception(std::move(thrown));
      } catch (const ApiError& error) {
        send_error(r, error);
      } catch (const std::exception& error) {
        send_error(r, {500, "", "", error.what()});
      }
    });
    server.set_error_handler([this](const Request& request, Response& r) {
      if (r.body.empty()) send_error(r, error_of_status(r.status, request, service.limits()));
    });
  }
};

HttpServer::HttpServer(serve::Service& service, const std::string& host, int port)
    : state_(std::make_unique<State>(service)) {
  State& state = *state_;
  state.host = host;
  state.set_limits();
  state.set_handlers();
  errno = 0;
  if (port == 0)
    state.port = state.server.bind_to_any_port(host);
  else
    state.port = state.server.bind_to_port(host, port) ? port : -1;
  require(state.port > 0, "--host {} --port {}: cannot listen there: {}", host, port,
          errno == 0 ? "no such address" : std::strerror(errno));
  // The library's own queue of connections has five places.
  ::listen(state.socket, SOMAXCONN);
  state.listener = std::thread([&state] {
    state.server.listen_after_bind();
    state.ended = true;
  });
}

HttpServer::~HttpServer() {
  while (!state_->server.is_running() && !state_->ended)
    std::this_thread::yield();  // stop() before the thread listens would have no effect
  state_->server.stop();
  state_->listener.join();
}

std::string HttpServer::address() const {
  const bool v6 = state_->host.find(':') != std::string::npos;
  return fmt::format("http://{}{}{}:{}", v6 ? "[" : "", state_->host, v6 ? "]" : "", state_->port);
}

}  // namespace zofo::cli
