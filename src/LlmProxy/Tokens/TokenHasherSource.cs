using System.Security.Cryptography;
using LlmProxy.Secrets;
using LlmProxy.Settings;
using LlmProxy.Storage;

namespace LlmProxy.Tokens;

/// <summary>
/// The key of the token hashes: random, made with the database, sealed in it by the master key. So the master key can be
/// changed without any token becoming unknown, and one that does not fit is noticed at start.
/// </summary>
internal sealed class TokenHasherSource(Database database, Sealer sealer)
{
    private const string Name = "token hash key";

    private TokenHasher? _hasher;

    public TokenHasher Hasher => _hasher ?? throw new InvalidOperationException("The hasher is opened at start.");

    public async Task OpenAsync()
    {
        var key = await database.WriteAsync((connection, transaction) =>
        {
            var envelope = TokenStore.FindSealed(connection, Name);
            var key = envelope is null ? RandomNumberGenerator.GetBytes(TokenHasher.KeyBytes) : sealer.Open(envelope, Name);
            if (key is not null && (envelope is null || sealer.NeedsReseal(envelope)))
            {
                TokenStore.PutSealed(connection, transaction, Name, sealer.Seal(key, Name));
            }

            return key;
        });
        _hasher = new TokenHasher(key ?? throw new StartFailure(
            "ENCRYPTION_KEY: this is not the master key that the database was made with. "
            + "Set the right one, or give it as ENCRYPTION_KEY_PREVIOUS to change to a new one."));
    }
}
