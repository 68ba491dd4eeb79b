using LlmProxy.Http;
using LlmProxy.Projects;
using LlmProxy.Secrets;
using LlmProxy.Tests.Storage;
using LlmProxy.Tokens;
using Xunit;

namespace LlmProxy.Tests.Tokens;

public sealed class TokenGateTests : IDisposable
{
    private readonly DatabaseFolder _folder = new();

    private static CancellationToken Aborted => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Revoking_a_token_ends_what_runs_under_it_also_when_it_had_rested_and_what_comes_too_late()
    {
        await using var instance = await Instance.StartAsync(_folder);
        var grant = await instance.GrantOfAsync(await instance.GivenATokenAsync());
        var rested = grant.Run();
        rested.Dispose();
        using var first = grant.Run();
        using var second = grant.Run();
        var ended = grant.Run();
        ended.Dispose();
        var told = new TaskCompletionSource();
        await using var registration = second.Revoked.Register(told.SetResult);
        Assert.False(second.Revoked.IsCancellationRequested);

        grant.Revoke();

        await told.Task.WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken);
        using var late = grant.Run();
        Assert.True(first.Revoked.IsCancellationRequested);
        Assert.True(late.Revoked.IsCancellationRequested);
        Assert.False(rested.Revoked.IsCancellationRequested);
    }

    [Fact]
    public async Task Admits_a_live_token_of_an_active_project()
    {
        await using var instance = await Instance.StartAsync(_folder);
        var token = await instance.GivenATokenAsync(
            await instance.GivenAProjectAsync(providerKey: "sk-of-this-project"));

        var admission = await instance.AdmitAsync(token);

        Assert.Null(admission.Refusal);
        Assert.Equal(token.Id, admission.Grant!.TokenId);
        Assert.Equal(token.Project, admission.Grant.Project.Id);
        Assert.Equal("sk-of-this-project", admission.Grant.Project.ProviderKey.Reveal());
    }

    [Fact]
    public async Task Refuses_a_token_from_the_very_instant_it_expires()
    {
        await using var instance = await Instance.StartAsync(_folder);
        var token = await instance.GivenATokenAsync(lifetime: TimeSpan.FromMinutes(1));

        instance.Clock.Advance(TimeSpan.FromMinutes(1) - TimeSpan.FromMilliseconds(1));
        var before = await instance.AdmitAsync(token);
        instance.Clock.Advance(TimeSpan.FromMilliseconds(1));
        var after = await instance.AdmitAsync(token);

        Assert.NotNull(before.Grant);
        Assert.Equal(new Admission(null, Refusal.InvalidToken, "expired"), after);
    }

    [Fact]
    public async Task Lets_run_what_was_admitted_before_the_token_expired()
    {
        await using var instance = await Instance.StartAsync(_folder);
        var grant = await instance.GrantOfAsync(await instance.GivenATokenAsync(lifetime: TimeSpan.FromMinutes(1)));

        instance.Clock.Advance(TimeSpan.FromHours(1));

        Assert.False(grant.IsRevoked);
    }

    [Fact]
    public async Task Refuses_unknown_revoked_expired_and_malformed_tokens_alike()
    {
        await using var instance = await Instance.StartAsync(_folder);
        var revoked = await instance.GivenATokenAsync();
        var expired = await instance.GivenATokenAsync(lifetime: TimeSpan.FromMinutes(1));
        await instance.Issuer.RevokeAsync(revoked.Id);
        instance.Clock.Advance(TimeSpan.FromMinutes(2));

        string[] secrets =
            [TokenSecret.Create().Reveal(), revoked.Secret.Reveal(), expired.Secret.Reveal(), "sk-whatever", ""];
        var admissions = new List<Admission>();
        foreach (var secret in secrets)
        {
            admissions.Add(await instance.Gate.AdmitAsync(secret, Aborted));
        }

        Assert.All(admissions, static admission => Assert.Same(Refusal.InvalidToken, admission.Refusal));
        Assert.Equal(
            ["unknown", "revoked", "expired", "malformed", "missing"], admissions.Select(static one => one.Reason),
            StringComparer.Ordinal);
    }

    [Fact]
    public async Task Refuses_the_tokens_of_a_project_that_is_switched_off_until_it_is_on_again()
    {
        await using var instance = await Instance.StartAsync(_folder);
        var token = await instance.GivenATokenAsync();
        await instance.AdmitAsync(token);

        await instance.Projects.ChangeAsync(token.Project, new ProjectChange(null, null, IsActive: false));
        var off = await instance.AdmitAsync(token);
        await instance.Projects.ChangeAsync(token.Project, new ProjectChange(null, null, IsActive: true));
        var on = await instance.AdmitAsync(token);

        Assert.Same(Refusal.ProjectInactive, off.Refusal);
        Assert.NotNull(on.Grant);
    }

    [Fact]
    public async Task Shows_a_new_provider_key_to_a_grant_that_is_in_use()
    {
        await using var instance = await Instance.StartAsync(_folder);
        var token = await instance.GivenATokenAsync();
        var grant = await instance.GrantOfAsync(token);

        await instance.Projects.ChangeAsync(token.Project,
            new ProjectChange(null, new Secret("sk-brand-new-key"), null));

        Assert.Equal("sk-brand-new-key", grant.Project.ProviderKey.Reveal());
    }

    [Fact]
    public async Task Ends_what_runs_under_a_token_when_it_is_revoked()
    {
        await using var instance = await Instance.StartAsync(_folder);
        var token = await instance.GivenATokenAsync();
        var grant = await instance.GrantOfAsync(token);

        await instance.Issuer.RevokeAsync(token.Id);

        Assert.True(grant.IsRevoked);
        Assert.Equal("revoked", (await instance.AdmitAsync(token)).Reason);
    }

    [Fact]
    public async Task Ends_what_runs_even_when_the_grant_was_put_out_of_memory_meanwhile()
    {
        await using var instance = await Instance.StartAsync(_folder, grantsMax: 1);
        var token = await instance.GivenATokenAsync();
        using var running = (await instance.GrantOfAsync(token)).Run();
        await instance.AdmitAsync(await instance.GivenATokenAsync());
        await instance.AdmitAsync(await instance.GivenATokenAsync());
        var ended = new TaskCompletionSource();
        await using var registration = running.Revoked.Register(ended.SetResult);

        await instance.Issuer.RevokeAsync(token.Id);

        await ended.Task.WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Has_one_grant_for_a_token_even_when_it_was_put_out_of_memory_meanwhile()
    {
        await using var instance = await Instance.StartAsync(_folder, grantsMax: 1);
        var token = await instance.GivenATokenAsync(maxRequests: 3);
        var running = await instance.GrantOfAsync(token);
        Assert.Null((await Instance.EnterAsync(running, Aborted)).Refusal);
        await instance.AdmitAsync(await instance.GivenATokenAsync());
        await instance.AdmitAsync(await instance.GivenATokenAsync());

        Assert.Same(running, await instance.GrantOfAsync(token));
        Assert.Equal(2, await instance.SpendAllAsync(token));
    }

    [Fact]
    public async Task Keeps_those_in_memory_that_are_used()
    {
        await using var instance = await Instance.StartAsync(_folder, grantsMax: 4);
        var used = await instance.GivenATokenAsync();
        await instance.AdmitAsync(used);
        for (var i = 0; i < 12; i++)
        {
            await instance.AdmitAsync(await instance.GivenATokenAsync());
            await instance.AdmitAsync(used);
        }

        await instance.Database.DisposeAsync();

        Assert.NotNull((await instance.AdmitAsync(used)).Grant);
    }

    [Fact]
    public async Task Asks_the_store_once_however_many_ask_for_a_token_at_once()
    {
        await using var issuing = await Instance.StartAsync(_folder);
        var token = await issuing.GivenATokenAsync();
        await using var instance = await Instance.StartAsync(_folder);

        var grants = await Task.WhenAll(Enumerable.Range(0, 200)
            .Select(_ => Task.Run(() => instance.GrantOfAsync(token))));

        Assert.Single(grants.Distinct());
    }

    [Fact]
    public async Task Asks_the_store_neither_for_garbage_nor_again_for_what_it_did_not_know()
    {
        await using var instance = await Instance.StartAsync(_folder);
        var unknown = TokenSecret.Create().Reveal();
        await instance.Gate.AdmitAsync(unknown, Aborted);
        await instance.Database.DisposeAsync();

        var again = await instance.Gate.AdmitAsync(unknown, Aborted);
        var garbage = await instance.Gate.AdmitAsync("' OR 1=1 --", Aborted);

        Assert.Equal("unknown", again.Reason);
        Assert.Equal("malformed", garbage.Reason);
    }

    [Fact]
    public async Task Never_admits_when_the_store_is_not_there()
    {
        await using var issuing = await Instance.StartAsync(_folder);
        var token = await issuing.GivenATokenAsync();
        await using var instance = await Instance.StartAsync(_folder);
        await instance.Database.DisposeAsync();

        var admission = await instance.AdmitAsync(token);

        Assert.Null(admission.Grant);
        Assert.Same(Refusal.StoreUnavailable, admission.Refusal);
    }

    [Fact]
    public async Task Knows_a_token_at_once_that_was_asked_for_before_it_was_issued()
    {
        await using var instance = await Instance.StartAsync(_folder);
        var secret = TokenSecret.Create();
        var before = await instance.Gate.AdmitAsync(secret.Reveal(), Aborted);
        var row = RowFor(secret, await instance.GivenAProjectAsync(), instance);

        await instance.Get<TokenStore>().InsertAsync(row);
        instance.Gate.Follow(row);

        Assert.Equal("unknown", before.Reason);
        Assert.NotNull((await instance.Gate.AdmitAsync(secret.Reveal(), Aborted)).Grant);
    }

    [Fact]
    public async Task Never_admits_by_what_it_read_before_the_token_was_revoked()
    {
        await using var instance = await Instance.StartAsync(_folder);
        for (var round = 0; round < 100; round++)
        {
            var token = await instance.GivenATokenAsync();

            // The first look-up of the token and its revocation meet in all possible orders.
            await Task.WhenAll(Task.Run(() => instance.AdmitAsync(token)),
                Task.Run(() => instance.Issuer.RevokeAsync(token.Id)));

            Assert.Null((await instance.AdmitAsync(token)).Grant);
        }
    }

    [Fact]
    public async Task Never_serves_with_a_provider_key_that_it_read_before_the_key_was_changed()
    {
        await using var instance = await Instance.StartAsync(_folder);
        for (var round = 0; round < 100; round++)
        {
            var token = await instance.GivenATokenAsync();

            await Task.WhenAll(
                Task.Run(() => instance.AdmitAsync(token)),
                Task.Run(() => instance.Projects.ChangeAsync(
                    token.Project, new ProjectChange(null, new Secret("sk-brand-new-key"), null))));

            Assert.Equal("sk-brand-new-key", (await instance.GrantOfAsync(token)).Project.ProviderKey.Reveal());
        }
    }

    [Fact]
    public async Task A_project_that_was_read_before_it_changed_is_not_put_into_memory()
    {
        await using var instance = await Instance.StartAsync(_folder);
        var token = await instance.GivenATokenAsync();
        var projects = instance.Get<LiveProjects>();
        var changes = projects.Changes;
        var hash = instance.Get<TokenHasher>().Hash(token.Secret.Reveal());
        var read = (await instance.Get<TokenStore>().FindWithProjectAsync(hash))!.Project;

        await instance.Projects.ChangeAsync(
            token.Project, new ProjectChange(null, new Secret("sk-brand-new-key"), null));

        Assert.Null(projects.Of(read, changes));
        Assert.Equal("sk-brand-new-key", (await instance.GrantOfAsync(token)).Project.ProviderKey.Reveal());
    }

    [Fact]
    public async Task Lets_a_caller_leave_while_the_token_is_looked_up()
    {
        await using var issuing = await Instance.StartAsync(_folder);
        var token = await issuing.GivenATokenAsync();
        await using var instance = await Instance.StartAsync(_folder);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
            await instance.Gate.AdmitAsync(token.Secret.Reveal(), new CancellationToken(canceled: true)));

        Assert.NotNull((await instance.AdmitAsync(token)).Grant);
    }

    private static StoredToken RowFor(Secret secret, Guid project, Instance instance) => new()
    {
        Id = Guid.CreateVersion7(instance.Clock.GetUtcNow()).ToString(),
        Hash = instance.Get<TokenHasher>().Hash(secret.Reveal()).ToString(),
        ProjectId = project.ToString(),
        IsActive = true,
        ExpiresAt = instance.Clock.GetUtcNow().AddHours(1).ToUnixTimeMilliseconds(),
        Version = 1,
    };
}
