using System.Security.Cryptography;
using LlmProxy.Limits;
using LlmProxy.Projects;
using LlmProxy.Secrets;
using LlmProxy.Tests.Storage;
using LlmProxy.Tokens;
using Xunit;

namespace LlmProxy.Tests.Tokens;

public sealed class GrantTableTests : IDisposable
{
    private readonly DatabaseFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Whatever_comes_and_goes_what_is_in_it_is_found_by_both_keys_and_nothing_else()
    {
        await using var instance = await Instance.StartAsync(_folder);
        var project = (await instance.GrantOfAsync(await instance.GivenATokenAsync())).Project;
        var grants = Enumerable.Range(0, 6_000).Select(_ => GrantOf(instance, project)).ToList();
        var (table, inIt) = (new GrantTable(), new HashSet<Grant>());

        for (var step = 0; step < 100_000; step++)
        {
            // First it fills, past some growths, then it turns over.
            var grant = grants[RandomNumberGenerator.GetInt32(Math.Min(grants.Count, 100 + (step / 10)))];
            if (inIt.Add(grant))
            {
                table.Add(grant);
            }
            else
            {
                inIt.Remove(grant);
                Assert.True(table.Remove(grant));
            }
        }

        foreach (var grant in grants)
        {
            Assert.Equal(inIt.Contains(grant), table.TryFind(grant.Hash, out var byHash) && byHash == grant);
            Assert.Equal(inIt.Contains(grant), table.TryFind(grant.TokenId, out var byId) && byId == grant);
            Assert.Equal(inIt.Contains(grant), table.Remove(grant));
        }

        Assert.Empty(table.All);
    }

    [Fact]
    public async Task Who_looks_without_a_lock_finds_what_stays_while_it_grows()
    {
        await using var instance = await Instance.StartAsync(_folder);
        var project = (await instance.GrantOfAsync(await instance.GivenATokenAsync())).Project;
        var (table, staying) = (new GrantTable(), GrantOf(instance, project));
        table.Add(staying);
        using var done = new CancellationTokenSource();
        var misses = 0;
        var reader = Task.Run(
            () =>
            {
                while (!done.IsCancellationRequested)
                {
                    misses += table.TryFind(staying.Hash, out var found) && found == staying ? 0 : 1;
                }
            },
            TestContext.Current.CancellationToken);

        for (var i = 0; i < 50_000; i++)
        {
            table.Add(GrantOf(instance, project));
        }

        await done.CancelAsync();
        await reader;
        Assert.Equal(0, misses);
    }

    private static Grant GrantOf(Instance instance, Project project)
    {
        var hash = TokenHash.Of(RandomNumberGenerator.GetBytes(32));
        var token = new StoredToken { IsActive = true };
        var id = Guid.CreateVersion7(instance.Clock.GetUtcNow());
        return new Grant(token, hash, project, new Account(AccountId.OfToken(id), token, token.Spent, instance.Leases));
    }
}
