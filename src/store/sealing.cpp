#include "store/sealing.hpp"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "base/check.hpp"
#include "base/hash.hpp"

namespace pganalytics::store {
namespace {

using base::Error;
using base::ErrorCode;

constexpr std::size_t key_bytes = 32;
constexpr std::size_t nonce_bytes = 12;
constexpr std::size_t tag_bytes = 16;
constexpr std::string_view version_mark = "v1:";

using Cipher = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

const unsigned char* bytes_of(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

std::string to_base64(const std::vector<unsigned char>& bytes) {
    std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
    const int length =
        EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes.data(), static_cast<int>(bytes.size()));
    text.resize(static_cast<std::size_t>(length));
    return text;
}

/// Empty where it is not base64.
std::vector<unsigned char> from_base64(std::string_view text) {
    std::vector<unsigned char> bytes(text.size() / 4 * 3 + 3);
    const int length = EVP_DecodeBlock(bytes.data(), bytes_of(text), static_cast<int>(text.size()));
    if (length < 0) return {};
    std::size_t padding = 0;
    while (padding < 2 && text.size() > padding && text[text.size() - 1 - padding] == '=') ++padding;
    bytes.resize(static_cast<std::size_t>(length) - padding);
    return bytes;
}

Error cannot_open() {
    return {
        .code = ErrorCode::not_allowed,
        .message = "A sealed secret does not open with this key.",
        .hint =
            "Use the key file it was sealed with (state folder, file \"key\"), or set the target's connection anew.",
        .field = {}};
}

Error key_file_error(const std::filesystem::path& file, std::string_view what) {
    return {.code = ErrorCode::grant_access,
            .message = "The key file " + file.string() + " " + std::string(what) + ".",
            .hint = "It must be a file of 32 bytes and mode 0600 that belongs to the user who starts pganalytics.",
            .field = {}};
}

}  // namespace

base::Result<SealingKey> SealingKey::load_or_create(const std::filesystem::path& file) {
    const int made = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (made >= 0) {
        std::array<unsigned char, key_bytes> key{};
        base::check(RAND_bytes(key.data(), static_cast<int>(key.size())) == 1, "the random generator gave nothing");
        const bool written =
            write(made, key.data(), key.size()) == static_cast<ssize_t>(key.size()) && fsync(made) == 0;
        close(made);
        if (!written) {
            unlink(file.c_str());
            return key_file_error(file, "cannot be written");
        }
    }
    const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return key_file_error(file, std::string("cannot be opened: ") + std::strerror(errno));
    struct stat status {};
    std::string key(key_bytes + 1, '\0');
    const bool known = fstat(descriptor, &status) == 0;
    const ssize_t count = read(descriptor, key.data(), key.size());
    close(descriptor);
    if (!known || (status.st_mode & 077) != 0) return key_file_error(file, "can be read by others");
    if (count != static_cast<ssize_t>(key_bytes)) return key_file_error(file, "does not hold a key");
    key.resize(key_bytes);
    return from_bytes(base::Secret(std::move(key)));
}

base::Result<SealingKey> SealingKey::from_bytes(base::Secret bytes) {
    if (bytes.reveal().size() != key_bytes) {
        return Error{.code = ErrorCode::fix_input, .message = "A sealing key has 32 bytes.", .hint = {}, .field = {}};
    }
    return SealingKey(std::move(bytes));
}

base::Secret SealingKey::derive(std::string_view purpose) const {
    return base::Secret(base::hmac_sha256_hex(key_.reveal(), purpose));
}

base::Result<std::string> SealingKey::seal(const base::Secret& plain, std::string_view context) const {
    const std::string& text = plain.reveal();
    std::vector<unsigned char> sealed(nonce_bytes + text.size() + tag_bytes);
    base::check(RAND_bytes(sealed.data(), nonce_bytes) == 1, "the random generator gave nothing");
    const Cipher cipher(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
    int length = 0;
    const bool done =
        cipher != nullptr &&
        EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, bytes_of(key_.reveal()), sealed.data()) == 1 &&
        EVP_EncryptUpdate(cipher.get(), nullptr, &length, bytes_of(context), static_cast<int>(context.size())) == 1 &&
        EVP_EncryptUpdate(cipher.get(), sealed.data() + nonce_bytes, &length, bytes_of(text),
                          static_cast<int>(text.size())) == 1 &&
        EVP_EncryptFinal_ex(cipher.get(), sealed.data() + nonce_bytes + length, &length) == 1 &&
        EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, tag_bytes, sealed.data() + nonce_bytes + text.size()) ==
            1;
    if (!done)
        return Error{.code = ErrorCode::internal, .message = "A secret could not be sealed.", .hint = {}, .field = {}};
    return std::string(version_mark) + to_base64(sealed);
}

base::Result<base::Secret> SealingKey::open(std::string_view sealed, std::string_view context) const {
    if (!sealed.starts_with(version_mark)) return cannot_open();
    auto bytes = from_base64(sealed.substr(version_mark.size()));
    if (bytes.size() < nonce_bytes + tag_bytes) return cannot_open();
    const std::size_t length = bytes.size() - nonce_bytes - tag_bytes;
    std::string plain(length + 1, '\0');
    const Cipher cipher(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
    int count = 0;
    const bool done =
        cipher != nullptr &&
        EVP_DecryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, bytes_of(key_.reveal()), bytes.data()) == 1 &&
        EVP_DecryptUpdate(cipher.get(), nullptr, &count, bytes_of(context), static_cast<int>(context.size())) == 1 &&
        EVP_DecryptUpdate(cipher.get(), reinterpret_cast<unsigned char*>(plain.data()), &count,
                          bytes.data() + nonce_bytes, static_cast<int>(length)) == 1 &&
        EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, tag_bytes, bytes.data() + nonce_bytes + length) == 1 &&
        EVP_DecryptFinal_ex(cipher.get(), reinterpret_cast<unsigned char*>(plain.data()) + count, &count) == 1;
    if (!done) return cannot_open();
    plain.resize(length);
    return base::Secret(std::move(plain));
}

}  // namespace pganalytics::store
