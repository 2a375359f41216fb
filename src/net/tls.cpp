#include "net/tls.hpp"

#include <fmt/core.h>
#include <openssl/ssl.h>

namespace pganalytics::net {

namespace ssl = boost::asio::ssl;
using base::Error;
using base::ErrorCode;

namespace {

constexpr auto context_options = ssl::context::default_workarounds | ssl::context::no_sslv2 | ssl::context::no_sslv3 |
                                 ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1;

Error unusable(std::string_view what, const std::string& file, const boost::system::error_code& error) {
    return Error{ErrorCode::fix_input, fmt::format("The {} in {} cannot be used: {}.", what, file, error.message()),
                 "Give PEM files that this user may read, the key without a passphrase.", "tls"};
}

}  // namespace

base::Result<std::shared_ptr<ssl::context>> server_tls(const TlsFiles& files) {
    auto context = std::make_shared<ssl::context>(ssl::context::tls_server);
    boost::system::error_code error;
    context->set_options(context_options, error);
    if (error) return unusable("TLS settings", "this OpenSSL", error);
    context->use_certificate_chain_file(files.certificate_chain, error);
    if (error) return unusable("certificate", files.certificate_chain, error);
    // Without a callback OpenSSL asks the terminal for the passphrase of an encrypted key, and hangs a service.
    context->set_password_callback([](std::size_t, ssl::context::password_purpose) { return std::string(); }, error);
    context->use_private_key_file(files.private_key, ssl::context::pem, error);
    if (error) return unusable("private key", files.private_key, error);
    if (SSL_CTX_check_private_key(context->native_handle()) != 1) {
        return Error{ErrorCode::fix_input,
                     fmt::format("The private key in {} does not belong to the certificate in {}.", files.private_key,
                                 files.certificate_chain),
                     "Give the key the certificate was made for.", "tls"};
    }
    // Idle connections give their 32 kB of record buffers back.
    SSL_CTX_set_mode(context->native_handle(), SSL_MODE_RELEASE_BUFFERS);
    return context;
}

base::Result<std::shared_ptr<ssl::context>> client_tls(const std::string& trusted_certificates) {
    auto context = std::make_shared<ssl::context>(ssl::context::tls_client);
    boost::system::error_code error;
    context->set_options(context_options, error);
    if (error) return unusable("TLS settings", "this OpenSSL", error);
    if (trusted_certificates.empty()) {
        context->set_default_verify_paths(error);
    } else {
        context->load_verify_file(trusted_certificates, error);
    }
    if (error) {
        return unusable("trusted certificates",
                        trusted_certificates.empty() ? "the system's store" : trusted_certificates, error);
    }
    context->set_verify_mode(ssl::verify_peer);
    return context;
}

}  // namespace pganalytics::net
