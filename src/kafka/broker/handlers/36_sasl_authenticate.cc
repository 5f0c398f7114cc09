// SaslAuthenticate: one message of a login. A wrong one is answered late, in the same words
// whatever was wrong with it, and ends the connection.
#include "kafka/broker/handlers/handlers.h"

namespace ds::kafka::broker {
namespace {

constexpr Nanos kAfterWrongLogin = 100 * kMillisecond;

/// On the connection's lane, some time after the request.
void answer_late(const Answer& answer, SaslAuthenticateResponse response) {
  answer.server->later(answer.connection, kAfterWrongLogin,
                       [answer, response = std::move(response)](Connection& connection) {
                         connection.close_when_sent();
                         answer.send(response);
                       });
}

void refuse_login(Core& core, const Connection& connection, const Login& login,
                  const Answer& answer) {
  core.log_refusal(connection.peer(), fmt::format("a login by {} was refused", login.mechanism()));
  answer_late(answer,
              {.error_code = KafkaError::kSaslAuthenticationFailed,
               .error_message = fmt::format("wrong user or password, by {}", login.mechanism())});
}

void let_in(Session& session) {
  session.who = session.login->user();
  session.state = LoginState::kIn;
  session.login.reset();
}

}  // namespace

void handle_sasl_authenticate(Call& call, SaslAuthenticateRequest& request) {
  using Verdict = Login::Verdict;
  Session& session = call.connection.session();
  if (session.state != LoginState::kMessages) {
    const bool in_vain = !session.is_in();
    if (in_vain) call.connection.close_when_sent();
    return call.answer.send(SaslAuthenticateResponse{
        .error_code = KafkaError::kIllegalSaslState,
        .error_message = in_vain ? "a handshake comes first" : "there is nothing to log in for"});
  }
  auto [verdict, answer] = session.login->on(as_text(request.auth_bytes));
  if (verdict == Verdict::kGoOn || verdict == Verdict::kIn) {
    if (verdict == Verdict::kIn) let_in(session);
    return call.answer.send(
        SaslAuthenticateResponse{.auth_bytes = ByteVec(answer.begin(), answer.end())});
  }
  session.state = LoginState::kChecks;
  if (verdict == Verdict::kRefused)
    return refuse_login(call.core, call.connection, *session.login, call.answer);
  const auto checked = [&core = call.core, answer = call.answer](bool right) {
    answer.server->later(answer.connection, 0, [&core, answer, right](Connection& connection) {
      Session& asked = connection.session();
      if (!right) return refuse_login(core, connection, *asked.login, answer);
      let_in(asked);
      answer.send(SaslAuthenticateResponse{});
    });
  };
  if (!call.core.passwords->check(session.login->user(), session.login->take_password(), checked))
    refuse_login(call.core, call.connection, *session.login, call.answer);
}

}  // namespace ds::kafka::broker
