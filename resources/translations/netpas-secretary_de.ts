<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="de" sourcelanguage="en">
<context>
    <name>QObject</name>
    <message>
        <source>%1 ms</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 % lost</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 Mbit/s</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>nothing promised</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>promised: %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>at most %1 a minute</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>Question</name>
    <message>
        <source>A program</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 on %2</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 asks for better quality</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>It does not say what for.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>It says: from %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>It says: for %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>It says: for %1, from %2</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The price is not known.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 a minute</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 once</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1, at most %2</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>netpas::ui::ApiLink</name>
    <message>
        <source>Who answers at %1 is not the agent that this machine was paired with.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>netpasd broke the connection off.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The agent at %1 does not answer.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>on that machine: systemctl status netpasd</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>You may not use %1.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>sudo adduser &quot;$USER&quot; netpas, then log in again</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>netpasd is not running.</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>netpas::ui::BackupDownload</name>
    <message>
        <source>%1 cannot be written: %2</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The backup ended early. Make it once more.</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>netpas::ui::BackupPage</name>
    <message>
        <source>A backup file restores what you decided and what happened</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Rules, contacts, budgets, agreements, what was learnt, the history, and payments that are not settled yet. It is sealed with a passphrase of its own. Your identity is in it only if you ask for that.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Make a backup…</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Restore a backup…</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Recovery words restore who you are</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>By your identity your ISP knows its customer, and payees know you. The words, on paper, bring it back on any machine, and nothing else: no rules, no history, no money. Whoever reads them can be you.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Show recovery words…</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Restore the &amp;identity from words…</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>progress</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Cancel</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Only the owner may do this, and where the secretary runs: secrets are told to nobody in between.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Cancelled: nothing was changed.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Make a backup</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>A passphrase for this backup. Without it nobody can restore the backup, not even you.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>with my &amp;identity: then the file and the passphrase are all that is needed to be me</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Backups (*.backup)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 is written. Your identity is in it.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 is written. Your identity is not in it: the recovery words restore that.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Restore</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Replace it</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Restore a backup</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Backups (*.backup);;All files (*)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The passphrase of this backup:</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Nothing was changed.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Shall what is here now be replaced by the backup?</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The state of %1 is restored.</source>
        <translation type="unfinished"></translation>
    </message>
    <message numerus="yes">
        <source>%n purchases</source>
        <translation type="unfinished">
            <numerusform></numerusform>
            <numerusform></numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n of them were not settled then: the ISP is asked about them before anything else.</source>
        <translation type="unfinished">
            <numerusform></numerusform>
            <numerusform></numerusform>
        </translation>
    </message>
    <message>
        <source>The identity is the one that was here.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The identity is a new one; another comes back from its recovery words.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Recovery words</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The words are shown once your passphrase has been given. Nobody should look on.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Restore the identity</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The recovery words, in their order:</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The identity is restored. Rules, contacts and history come from a backup.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Shall the identity that is here now be replaced?</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>netpas::ui::BackupUpload</name>
    <message>
        <source>%1 cannot be read: %2</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>netpas::ui::ContactsPage</name>
    <message>
        <source>Contacts</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>contacts</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Name</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Groups</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Sites</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Addresses</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Note</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Site, such as example.net</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Group, such as family</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Add</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Remove</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Payees with a certificate</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>payees</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Classes</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>May be paid</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Identifier</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>yes</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The contact is kept.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The contact is removed.</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>netpas::ui::Desk</name>
    <message>
        <source>The secretary&apos;s ledger cannot be used: nothing is spent.</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>netpas::ui::FrontierPlot</name>
    <message>
        <source>price against quality</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>better ↑</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>dearer →</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>netpas::ui::LivePlot</name>
    <message>
        <source>Nothing is measured yet.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>not known</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>between %1 and %2 %3</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 %2</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1: paid %2, best effort %3</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>paid</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>best effort</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>netpas::ui::MainWindow</name>
    <message>
        <source>NetPaS</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Unlock…</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>pages</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Overview</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Questions</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Payments</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Rules</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Ways and offers</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Contacts and payees</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Backup</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Settings</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Looking for the secretary…</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 Until it is back everything travels best effort and nothing is spent; this window finds it again by itself.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The secretary is locked: nothing is spent.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>What helps: %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Spending is paused: everything is best effort.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Go on spending</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Pause spending</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Questions (%1)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Unlock</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Passphrase of the secretary:</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>netpas::ui::Notifier</name>
    <message>
        <source>Open</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Not now</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Approve once</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>netpas::ui::OverviewPage</name>
    <message>
        <source>Set &amp;up…</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>what is bought now</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>To</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>For</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Program</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>State</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Spent</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>At most</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Stop</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Round trip</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>ms</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Lost</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>No ISP is joined yet: there is nobody to buy from.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 is connected.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 is not connected: all is best effort.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Today: %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>This month: %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 — %2 left</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 of %2</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Nothing is bought now. Everything travels best effort.</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>netpas::ui::PathsPage</name>
    <message>
        <source>Address of the other end, such as 203.0.113.6</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>address of the other end</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>for what &amp;comes from there</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Look</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Never &amp;more than</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Buy</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Asking…</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1: %2; %3. %4</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>This machine</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>best effort</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>, %1 a packet</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>not measured yet</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&quot;%1&quot; is no amount: 5 ¢ or $0.05, for example.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Bought. The overview shows what it brings.</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>netpas::ui::PaymentsModel</name>
    <message>
        <source>you</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>not yet</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>When</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Application</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>For</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>To</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>State</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Charged</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Why</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Label</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>netpas::ui::PaymentsPage</name>
    <message>
        <source>Search: program, purpose, payee, label</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>search payments</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Export as CSV…</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>payments</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Spent in the last 30 days</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>by day</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>by application</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>by payee</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>by purpose</source>
        <translation type="unfinished"></translation>
    </message>
    <message numerus="yes">
        <source>%n payments</source>
        <translation type="unfinished">
            <numerusform></numerusform>
            <numerusform></numerusform>
        </translation>
    </message>
    <message>
        <source>Label</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Your own words for this payment:</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Export payments</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Tables (*.csv)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 is written.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 cannot be written: %2</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>netpas::ui::PromptDialog</name>
    <message>
        <source>Better quality?</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>qualities and prices</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Quality</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Price</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Not &amp;now</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Refuse with this rule</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Approve &amp;once</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Approve…</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Approve with this rule</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The program could not be identified.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Verified program: %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Seen here: %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 of the budget are left.</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>netpas::ui::PromptsPage</name>
    <message>
        <source>Since</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Who</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>For</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>From</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Price</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>no window was there</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>you had said not now</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>the secretary was restarted</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>too many questions waited</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>the offer ran out</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>questions that wait</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Asked</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Decide…</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Missed: nothing was paid, and everything went best effort. One click decides for the next time.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>missed questions</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Why</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Forget</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Refuse from now on</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Approve &amp;next time</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Approve from now on</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Decide &amp;in detail…</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>No questions. Rules and budgets decide; what is unsure is asked here.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Questions are shown to the owner of the secretary only.</source>
        <translation type="unfinished"></translation>
    </message>
    <message numerus="yes">
        <source>%n times</source>
        <translation type="unfinished">
            <numerusform></numerusform>
            <numerusform></numerusform>
        </translation>
    </message>
    <message>
        <source>The rule would be: %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The rule is kept: %1</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>netpas::ui::RuleSentence</name>
    <message>
        <source>Up to</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>the most that the rule allows</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>for</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>anything</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>for what</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>in</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>any program</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>in which program</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>from</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>anywhere</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>from whom</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>until</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>for how long</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>this program exits</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>an hour has passed</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>today ends</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>a date</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>you take it back</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>the date</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>a minute</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>each time</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>netpas::ui::RulesModel</name>
    <message>
        <source>never</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Rule</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>State</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Used</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Spent</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Last</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>netpas::ui::RulesPage</name>
    <message>
        <source>Search rules</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>search rules</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>rules</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Switch off or on</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Edit</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Remove</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>up to 1c a minute for video in mpv from example.net until today</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>a rule as a sentence</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Add rule</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The rule is kept.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Keep changes</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The rule is removed.</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>netpas::ui::Screenshots</name>
    <message>
        <source>%1 cannot be written</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>netpas::ui::SecretDialog</name>
    <message>
        <source>&amp;Passphrase</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Once &amp;more</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>They are not alike.</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>netpas::ui::SettingsPage</name>
    <message>
        <source>questions are shown</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>questions only wait in the list</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>nothing is spent</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Mode</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Budgets</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Always ask</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>A&amp;ccept</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>budgets</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Budget</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Limit</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Spent</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Left</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>For everything, &amp;never more than</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>in which time</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>a day</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>a week</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>a month</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Set</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Remove selected</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Protection</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Present passphrase, if there is one</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>New passphrase</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Once more</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Set &amp;passphrase</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Lock now</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>as the desktop</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>light</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>dark</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Theme</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>stay in the &amp;tray when the window is closed</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>To begin with: %1?</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&quot;%1&quot; is no amount: 5 ¢ or $2, for example.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The budget is set.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The budget is removed.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The new passphrase has to be typed twice, alike.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The passphrase is set: from now on the secretary starts locked.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Lan&amp;guage</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The window speaks it from its next start on.</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>netpas::ui::SetupDialog</name>
    <message>
        <source>Set up NetPaS</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>progress</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Back</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Leave out</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Next</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>What will be done</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Your ISP</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Better service is bought through your ISP. It gives its customers an address for that; without one everything stays best effort, as it is now.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Address from the ISP</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Passphrase and recovery words</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>A passphrase protects your keys and your history. From then on NetPaS starts locked, and nothing is spent until you unlock it. Recovery words for paper come with it.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Passphrase</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Once &amp;more</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Envelope</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>More than this is never spent, whatever any rule says. Within it you are asked, unless a rule or your earlier answers decide.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>At most a &amp;month</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>At most a &amp;day without asking</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Recovery words</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Write them on paper, in this order. They restore your identity, and so does whoever reads them. Everything else comes back from a backup file: see the page Backup.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>From the paper</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Three of them, to be sure:</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Later</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Do it</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;I wrote them down</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Done</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Nothing. Everything can be done later, in the settings.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Close</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The whole address is needed, with the 64 signs behind the #.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>They are not alike.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&quot;%1&quot; is no amount: 5 ¢ or $2, for example.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Join the ISP at %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Set the envelope</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>… with %1 instead</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Protect everything with the passphrase, and show the recovery words</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The page Backup shows the words later.</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>netpas::ui::SpendingPlot</name>
    <message>
        <source>not said</source>
        <translation type="unfinished"></translation>
    </message>
    <message numerus="yes">
        <source>%n others</source>
        <translation type="unfinished">
            <numerusform></numerusform>
            <numerusform></numerusform>
        </translation>
    </message>
    <message>
        <source>spending</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 in all</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1: %2</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Nothing was spent in this time.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 on the dearest day</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>netpas::ui::Tray</name>
    <message>
        <source>&amp;Open</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Quit</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>NetPaS</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>NetPaS is locked: nothing is spent</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>NetPaS does not run: everything is best effort</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Spending is paused: everything is best effort</source>
        <translation type="unfinished"></translation>
    </message>
    <message numerus="yes">
        <source>%n questions wait</source>
        <translation type="unfinished">
            <numerusform></numerusform>
            <numerusform></numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n &amp;questions…</source>
        <translation type="unfinished">
            <numerusform></numerusform>
            <numerusform></numerusform>
        </translation>
    </message>
    <message>
        <source>&amp;Go on spending</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Pause spending</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>netpas::ui::WayView</name>
    <message>
        <source>%1 %2</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 to %2 %3</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>ms</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>% lost</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>the way, ISP by ISP</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>netpas::ui::WordsQuiz</name>
    <message>
        <source>Word number %1</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>netpas::ui::WordsTable</name>
    <message>
        <source>%1. %2</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>recovery words</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Recovery words</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Write them on paper, in this order. They restore your identity, and so does whoever reads them.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>From the paper:</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;I wrote them down</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Done</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Show them again</source>
        <translation type="unfinished"></translation>
    </message>
</context>
</TS>
