using System.Security.Cryptography;
using LlmProxy.Secrets;
using LlmProxy.Settings;
using Xunit;

namespace LlmProxy.Tests.Storage;

public sealed class KeyRingTests : IDisposable
{
    private readonly DatabaseFolder _folder = new();
    private readonly byte[] _oldKey = RandomNumberGenerator.GetBytes(SecretsOptions.KeyBytes);
    private readonly byte[] _newKey = RandomNumberGenerator.GetBytes(SecretsOptions.KeyBytes);

    private static CancellationToken Aborted => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Makes_a_key_file_for_the_owner_alone_beside_a_new_database()
    {
        await using var instance = await Instance.StartAsync(_folder);

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(_folder.KeyPath));
        Assert.NotNull(SecretsOptions.KeyOf((await File.ReadAllTextAsync(_folder.KeyPath, Aborted)).Trim()));
    }

    [Fact]
    public async Task Knows_its_tokens_after_a_restart_with_the_key_file()
    {
        TestToken token;
        await using (var first = await Instance.StartAsync(_folder))
        {
            token = await first.GivenATokenAsync();
        }

        await using var second = await Instance.StartAsync(_folder);

        Assert.NotNull((await second.AdmitAsync(token)).Grant);
    }

    [Fact]
    public async Task Makes_no_key_file_when_the_settings_have_a_key()
    {
        await using var instance = await Instance.StartAsync(_folder, secrets: new SecretsOptions(_newKey, null));

        Assert.False(File.Exists(_folder.KeyPath));
    }

    [Fact]
    public async Task Refuses_to_start_with_another_master_key()
    {
        await (await Instance.StartAsync(_folder, secrets: new SecretsOptions(_oldKey, null))).DisposeAsync();

        var failure = await Assert.ThrowsAsync<StartFailure>(() =>
            Instance.StartAsync(_folder, secrets: new SecretsOptions(_newKey, null)));

        Assert.StartsWith("ENCRYPTION_KEY: this is not the master key", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Does_not_cover_up_a_lost_key_file_with_a_new_one()
    {
        await (await Instance.StartAsync(_folder)).DisposeAsync();
        File.Delete(_folder.KeyPath);

        var failure = await Assert.ThrowsAsync<StartFailure>(() => Instance.StartAsync(_folder));

        Assert.Contains(_folder.KeyPath, failure.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(_folder.KeyPath));
    }

    [Fact]
    public async Task Refuses_to_start_with_a_key_file_that_holds_no_key()
    {
        await (await Instance.StartAsync(_folder)).DisposeAsync();
        await File.WriteAllTextAsync(_folder.KeyPath, "hello", Aborted);

        var failure = await Assert.ThrowsAsync<StartFailure>(() => Instance.StartAsync(_folder));

        Assert.StartsWith("ENCRYPTION_KEY: the key file", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Changes_the_master_key_without_any_token_or_provider_key_being_lost()
    {
        TestToken token;
        await using (var before = await Instance.StartAsync(_folder, secrets: new SecretsOptions(_oldKey, null)))
        {
            token = await before.GivenATokenAsync(await before.GivenAProjectAsync(providerKey: "sk-old-and-good"));
        }

        await (await Instance.StartAsync(_folder, secrets: new SecretsOptions(_newKey, _oldKey))).DisposeAsync();
        await using var after = await Instance.StartAsync(_folder, secrets: new SecretsOptions(_newKey, null));

        Assert.Equal("sk-old-and-good", (await after.GrantOfAsync(token)).Project.ProviderKey.Reveal());
    }

    [Fact]
    public async Task Leaves_no_secret_readable_in_any_file_of_the_database()
    {
        await using var instance = await Instance.StartAsync(_folder);
        var token = await instance.GivenATokenAsync(
            await instance.GivenAProjectAsync(providerKey: "sk-canary-0123456789"));

        var files = Directory.EnumerateFiles(Path.GetDirectoryName(_folder.DatabasePath)!, "test.db*").ToList();

        Assert.Contains(_folder.DatabasePath + "-wal", files, StringComparer.Ordinal);
        foreach (var file in files)
        {
            var content = await ReadSharedAsync(file);
            Assert.Equal(-1, content.AsSpan().IndexOf("sk-canary"u8));
            Assert.Equal(-1, content.AsSpan().IndexOf(System.Text.Encoding.ASCII.GetBytes(token.Secret.Reveal()[5..])));
        }
    }

    private static async Task<byte[]> ReadSharedAsync(string file)
    {
        await using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var content = new MemoryStream();
        await stream.CopyToAsync(content, Aborted);
        return content.ToArray();
    }
}
